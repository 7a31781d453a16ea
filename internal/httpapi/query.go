package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// query reads a URL's parameters and notes those that are wrong.
type query struct {
	checkout.Problems
	values url.Values
}

// maxPage bounds the page number; deep lists are read by cursor.
const maxPage = 1_000_000_000

func parseQuery(r *http.Request) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.Add("query", "is not validly percent-encoded")
	}
	return q
}

func (q *query) page() checkout.Page {
	p := checkout.Page{Number: q.integer("page", 1, maxPage, 1), Size: q.integer("pageSize", 1, checkout.MaxPageSize, checkout.DefaultPageSize)}
	if text := q.values.Get("cursor"); text != "" {
		cursor, ok := checkout.ParseCursor(text)
		if !ok {
			q.Add("cursor", "must be a nextCursor of an earlier answer")
		}
		p.After, p.Number = &cursor, 1
	}
	return p
}

func (q *query) integer(name string, low, high, otherwise int) int {
	if !q.values.Has(name) {
		return otherwise
	}
	n, err := strconv.Atoi(q.values.Get(name))
	if err != nil || n < low || n > high {
		q.Add(name, "must be an integer from "+strconv.Itoa(low)+" to "+strconv.Itoa(high))
		return otherwise
	}
	return n
}

func oneOf[T ~string](q *query, name string, known []T) T {
	value := T(q.values.Get(name))
	if q.values.Has(name) && !slices.Contains(known, value) {
		message := "must be one of"
		for i, k := range known {
			if i > 0 {
				message += ","
			}
			message += " " + string(k)
		}
		q.Add(name, message)
	}
	return value
}

func (q *query) customer() checkout.CustomerID {
	if !q.values.Has("customerId") {
		return ""
	}
	id, ok := checkout.ParseUUID(q.values.Get("customerId"))
	if !ok {
		q.Add("customerId", "must be a UUID")
	}
	return checkout.CustomerID(id)
}

func (q *query) text(name string) string {
	value := q.values.Get(name)
	if q.values.Has(name) && (value == "" || len(value) > 4*checkout.MaxExternalIDChars) {
		q.Add(name, "must have 1 to 255 characters")
	}
	if !checkout.Storable(value) {
		q.Add(name, "must be UTF-8 without a NUL character")
	}
	return value
}

func (q *query) time(name string) time.Time {
	if !q.values.Has(name) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, q.values.Get(name))
	if err != nil || t.Year() < 1970 {
		q.Add(name, "must be an RFC 3339 time after 1970, such as 2026-01-31T12:00:00Z")
	}
	return t.UTC()
}
