package geoip_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/geoip"
)

func open(t *testing.T, path string) *geoip.Table {
	t.Helper()
	table, err := geoip.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

// Networks of universities, carriers and companies that have not moved in decades.
func TestBuiltIn(t *testing.T) {
	t.Parallel()
	table := open(t, "")
	cases := []struct{ addr, want string }{
		{"8.8.8.8", "US"},
		{"::ffff:8.8.8.8", "US"},
		{"17.0.0.1", "US"},      // Apple
		{"128.232.0.1", "GB"},   // Cambridge
		{"131.188.1.1", "DE"},   // Erlangen
		{"133.11.0.1", "JP"},    // Tokyo
		{"128.250.1.1", "AU"},   // Melbourne
		{"130.89.1.1", "NL"},    // Twente
		{"153.3.123.160", "CN"}, // China Unicom
		{"2001:4860:4860::8888", "US"},
		{"2001:200::1", "JP"}, // WIDE
		{"240e::1", "CN"},     // China Telecom
		{"2001:67c:2e8::1%eth0", "NL"},
		{"9.255.255.255", "US"},  // just below a private block
		{"100.63.255.255", "US"}, // and around the carriers'
		{"100.128.0.1", "US"},
	}
	for _, tt := range cases {
		if got := table.Country(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("Country(%s) = %q, want %q", tt.addr, got, tt.want)
		}
	}
}

var notPublic = []string{
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254",
	"172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
	"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::808:808", "100::1", "fc00::1", "fd12::1",
	"fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "2001:10::1", "2001:20::1", "2001:2::1",
}

func TestNotPublic(t *testing.T) {
	t.Parallel()
	builtIn := open(t, "")
	// The operator's file can't make them public either.
	everything := open(t, write(t, mmdb([]entry{{"0.0.0.0/1", country("DE")}, {"128.0.0.0/1", country("DE")}, {"8000::/1", country("DE")}, {"2000::/3", country("DE")}})))
	for _, table := range []*geoip.Table{builtIn, everything} {
		for _, addr := range notPublic {
			if got := table.Country(netip.MustParseAddr(addr)); got != "" {
				t.Errorf("Country(%s) = %q, want none", addr, got)
			}
		}
		if got := table.Country(netip.Addr{}); got != "" {
			t.Errorf("Country of no address = %q", got)
		}
	}
}

func TestOperatorsFile(t *testing.T) {
	t.Parallel()
	table := open(t, write(t, mmdb([]entry{
		{"8.8.8.0/24", country("FR")},
		{"17.0.0.0/8", country("ch")},
		{"133.11.0.0/16", country("XK")},
		{"131.188.0.0/16", map[string]any{"registered_country": map[string]any{"iso_code": "IT"}}},
		{"128.250.0.0/16", map[string]any{"country": "broken"}},
		{"2001:200::/32", country("BR")},
	})))
	cases := []struct{ addr, want, why string }{
		{"8.8.8.8", "FR", "the file wins"},
		{"::ffff:8.8.8.8", "FR", "the file wins, mapped"},
		{"8.8.4.4", "US", "the file has no entry"},
		{"17.1.2.3", "CH", "in upper case"},
		{"133.11.0.1", "", "the file names no country that we know"},
		{"131.188.1.1", "DE", "where a network is registered is not where it is"},
		{"128.250.1.1", "AU", "a broken entry is none"},
		{"2001:200::1", "BR", "the file wins for IPv6"},
		{"240e::1", "CN", "the file has no entry for IPv6"},
	}
	for _, tt := range cases {
		if got := table.Country(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("Country(%s) = %q, want %q: %s", tt.addr, got, tt.want, tt.why)
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	good := mmdb([]entry{{"8.8.8.0/24", country("FR")}})
	cases := []struct{ name, path, want string }{
		{"missing", filepath.Join(t.TempDir(), "none.mmdb"), "no such file"},
		{"directory", t.TempDir(), "is a directory"},
		{"empty", write(t, nil), "can't be read as a MaxMind DB file"},
		{"text", write(t, []byte("8.8.8.8,US\n")), "can't be read as a MaxMind DB file"},
		{"cut", write(t, good[:len(good)-40]), "can't be read as a MaxMind DB file"},
		{"without its tree", write(t, good[len(good)-200:]), "country database"},
		{"of another kind", write(t, mmdb([]entry{{"8.8.8.0/24", map[string]any{"asn": uint32(15169)}}})), "no country.iso_code"},
		{"no networks", write(t, mmdb(nil)), "no country.iso_code"},
	}
	for _, tt := range cases {
		table, err := geoip.Open(tt.path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s: Open = %v, %v; want an error with %q and the path", tt.name, table, err, tt.want)
		}
	}
}

func FuzzCountry(f *testing.F) {
	table, err := geoip.Open("")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{8, 8, 8, 8})
	f.Add(netip.MustParseAddr("2001:4860::").AsSlice())
	f.Add(netip.MustParseAddr("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").AsSlice())
	f.Fuzz(func(t *testing.T, raw []byte) {
		addr, _ := netip.AddrFromSlice(raw)
		got := table.Country(addr)
		if alpha2, ok := checkout.LookupCountry(got); got != "" && (!ok || alpha2 != got) {
			t.Errorf("Country(%s) = %q", addr, got)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(mmdb([]entry{{"8.8.8.0/24", country("FR")}, {"2001:200::/32", country("BR")}}))
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	f.Fuzz(func(t *testing.T, content []byte) {
		table, err := geoip.Open(write(t, content))
		if err != nil {
			return
		}
		defer table.Close()
		for _, addr := range []string{"8.8.8.8", "2001:200::1"} {
			table.Country(netip.MustParseAddr(addr))
		}
	})
}
