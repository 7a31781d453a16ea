package checkout

import (
	"encoding/base64"
	"strings"
	"time"
)

// Page asks for a part of a list, newest first (contract §1).
type Page struct {
	Number int // from 1; 1 when a cursor is given
	Size   int
	After  *Cursor // nil: by number
}

// Cursor is the place of a row in a list: the next page begins behind it.
type Cursor struct {
	CreatedAt time.Time
	ID        string
}

const cursorVersion = "1."

// String encodes the cursor. It is opaque to clients, and holds nothing secret.
func (c Cursor) String() string {
	return cursorVersion + base64.RawURLEncoding.EncodeToString([]byte(c.ID+"."+c.CreatedAt.UTC().Format(time.RFC3339Nano)))
}

// ParseCursor decodes what String made.
func ParseCursor(s string) (Cursor, bool) {
	encoded, ok := strings.CutPrefix(s, cursorVersion)
	if !ok || len(encoded) > 200 {
		return Cursor{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Cursor{}, false
	}
	id, at, ok := strings.Cut(string(raw), ".")
	if !ok || id == "" || !Storable(id) {
		return Cursor{}, false
	}
	created, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return Cursor{}, false
	}
	c := Cursor{CreatedAt: created.UTC(), ID: id}
	return c, c.String() == s
}

// SessionFilter narrows a list of sessions (contract §2.8). Zero members don't filter.
type SessionFilter struct {
	Status             SessionStatus
	Type               SessionType
	CustomerID         CustomerID
	ExternalCustomerID string
	CreatedAfter       time.Time // inclusive
	CreatedBefore      time.Time // exclusive
}

// OrderFilter narrows a list of orders (contract §3).
type OrderFilter struct {
	Status             OrderStatus
	Gateway            string
	SessionID          SessionID
	CustomerID         CustomerID
	ExternalCustomerID string
}

// EventFilter narrows a list of events (contract §4).
type EventFilter struct {
	Type    EventType
	OrderID OrderID
}

// List is one page of rows, the exact number of all rows that pass the filter, and the place behind the page.
type List[T any] struct {
	Rows  []T
	Total int64
	Next  *Cursor // nil at the end
}
