package gateway

import (
	"net/netip"
	"net/url"
	"strings"
)

// Query is a query string that keeps the order of its parameters, for URLs that are signed byte by byte.
type Query struct{ text strings.Builder }

// Add adds a parameter that has a value. A space is written as %20: a plus sign would be one to some.
func (q *Query) Add(name, value string) {
	if value == "" {
		return
	}
	if q.text.Len() > 0 {
		q.text.WriteByte('&')
	}
	q.text.WriteString(name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
}

func (q *Query) String() string { return q.text.String() }

// PublicAddress is the payer's address as text; empty where it is unknown, or private and says nothing of where they are.
func PublicAddress(address netip.Addr) string {
	address = address.Unmap()
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return ""
	}
	return address.String()
}
