package checkout

// countryWidth is the room that one code takes in countryCodes: two letters and a space.
const countryWidth = 3

// countryOffsets says where in countryCodes a pair of letters stands, plus one; 0 is
// "not assigned". An array beats a map here: a look-up is two additions.
var countryOffsets = func() (offsets [26 * 26]uint16) {
	for i := 0; i < len(countryCodes); i += countryWidth {
		offsets[int(countryCodes[i]-'A')*26+int(countryCodes[i+1]-'A')] = uint16(i + 1)
	}
	return offsets
}()

// LookupCountry finds an officially assigned ISO 3166-1 alpha-2 code, whatever its letter
// case, and returns it in upper case (contract §2.1, country). The result does not share
// memory with code.
func LookupCountry(code string) (alpha2 string, ok bool) {
	if len(code) != 2 {
		return "", false
	}
	// |0x20 folds ASCII letters to lower case and turns no other byte into a letter.
	hi, lo := code[0]|0x20, code[1]|0x20
	if hi < 'a' || hi > 'z' || lo < 'a' || lo > 'z' {
		return "", false
	}
	at := int(countryOffsets[int(hi-'a')*26+int(lo-'a')])
	if at == 0 {
		return "", false
	}
	return countryCodes[at-1 : at+1], true
}
