// Package geoip tells the country of an IP address (contract §2.1, country): from the operator's MaxMind DB file where there
// is one, else from a table that is built in.
//
// It is not exact, since no such table is; it asks nobody and keeps nothing. Invariant: what it returns is an officially
// assigned ISO 3166-1 alpha-2 code or empty, and always empty for an address that isn't on the public internet.
//
// The built-in table is that of github.com/phuslu/iploc (MIT licence), made each month from the IP2Location LITE database,
// whose licence, CC BY-SA 4.0, wants this said: "This site or product includes IP2Location LITE data available from
// https://lite.ip2location.com". As old as the module's version in go.mod, it is a default for a start; a file of the
// operator's own can be kept fresh.
package geoip

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/phuslu/iploc"

	"github.com/sliproad/sliproad/internal/checkout"
)

// Table finds countries. It is safe for use by many at a time.
type Table struct {
	file *maxminddb.Reader // nil: built-in only
}

// Open reads the MaxMind DB file (GeoLite2 Country or City, DB-IP Lite and the like) over the built-in table; with an empty
// path there is only that. The file is read once, into memory: a newer one takes a restart.
func Open(mmdbPath string) (*Table, error) {
	if mmdbPath == "" {
		return &Table{}, nil
	}
	content, err := os.ReadFile(mmdbPath) // not mapped: an update that rewrites a mapped file in place would crash us
	if err != nil {
		return nil, fmt.Errorf("country database: %w", err)
	}
	file, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("country database %s can't be read as a MaxMind DB file: %w", mmdbPath, err)
	}
	if err := probe(file); err != nil {
		_ = file.Close() // the error that matters is the one above
		return nil, fmt.Errorf("country database %s: %w", mmdbPath, err)
	}
	return &Table{file: file}, nil
}

// probeNetworks is how many networks of a file may go by without a country. Where a whole file is of the wrong kind, that is
// told at the start rather than by countries that never come.
const probeNetworks = 10_000

func probe(file *maxminddb.Reader) error {
	n := 0
	for result := range file.Networks() {
		code, err := isoCode(result)
		if err != nil {
			return fmt.Errorf("is broken: %w", err)
		}
		if code != "" {
			return nil
		}
		if n++; n >= probeNetworks {
			break
		}
	}
	return fmt.Errorf("has no country.iso_code in its first %d networks; its type is %q, but a country or city database is wanted",
		n, file.Metadata.DatabaseType)
}

func isoCode(result maxminddb.Result) (code string, err error) {
	err = result.DecodePath(&code, "country", "iso_code")
	return code, err
}

// Close releases the file. No Country may be running then, nor come after.
func (t *Table) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

// Country is the country that the address is in: an upper-case ISO 3166-1 alpha-2 code, or empty where that is not known or
// the address is none of the public internet. An entry of the operator's file wins, even where it names no country that we
// know (such as XK); without an entry the built-in table answers.
func (t *Table) Country(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if !public(addr) {
		return ""
	}
	code := ""
	if t.file != nil {
		// A broken entry is as good as none: there is no one to tell whom it would help.
		code, _ = isoCode(t.file.Lookup(addr))
	}
	if code == "" {
		code = iploc.IPCountry(addr)
	}
	alpha2, _ := checkout.LookupCountry(code)
	return alpha2
}

// global holds all IPv6 addresses that are handed out (RFC 4291 §2.4, IANA).
var global = netip.MustParsePrefix("2000::/3")

// special are the blocks of the IANA special-purpose registries (RFC 6890) that are nobody's on the public internet, and
// multicast.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("10.0.0.0/8"),      // private, RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),   // shared between carriers and their customers, RFC 6598
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local
	netip.MustParsePrefix("172.16.0.0/12"),   // private, RFC 1918
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation, RFC 5737
	netip.MustParsePrefix("192.168.0.0/16"),  // private, RFC 1918
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks, RFC 2544
	netip.MustParsePrefix("198.51.100.0/24"), // documentation, RFC 5737
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation, RFC 5737
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("2001:2::/48"),     // benchmarks, RFC 5180
	netip.MustParsePrefix("2001:10::/28"),    // identifiers, RFC 4843
	netip.MustParsePrefix("2001:20::/28"),    // identifiers, RFC 7343
	netip.MustParsePrefix("2001:db8::/32"),   // documentation, RFC 3849
	netip.MustParsePrefix("3fff::/20"),       // documentation, RFC 9637
}

func public(addr netip.Addr) bool {
	if !addr.IsValid() || addr.Is6() && !global.Contains(addr) {
		return false
	}
	for _, block := range special {
		if block.Contains(addr) {
			return false
		}
	}
	return true
}
