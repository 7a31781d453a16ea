package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/store"
)

// seeded is a project with many sessions.
type seeded struct {
	project project
	rows    int
	cursor  string // of a page near the end
}

const pageSize = 25

// prepareLists fills a database of its own, starts a server on it and finds the deep cursors.
func (b *bench) prepareLists(ctx context.Context, binary string) error {
	db, err := newDatabase(ctx, binary, "sqlite:"+filepath.Join(b.dir, "lists.db"))
	if err != nil {
		return err
	}
	b.small.rows, b.large.rows = b.rows/100, b.rows
	for name, s := range map[string]*seeded{"small": &b.small, "large": &b.large} {
		if s.project, err = db.createProject(ctx, name); err != nil {
			return err
		}
	}
	if err := seed(ctx, db.url, &b.small, &b.large); err != nil {
		return fmt.Errorf("seeding: %w", err)
	}
	if b.lists, err = db.serve(b.cpuprofile != ""); err != nil {
		return err
	}
	for _, s := range []*seeded{&b.small, &b.large} {
		if s.cursor, err = b.deepCursor(ctx, s); err != nil {
			return fmt.Errorf("the list of %d: %w", s.rows, err)
		}
	}
	return nil
}

// batch is how many rows share a transaction while seeding.
const batch = 2000

func seed(ctx context.Context, databaseURL string, projects ...*seeded) (err error) {
	db, err := store.Open(ctx, databaseURL, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	began := time.Now()
	for _, p := range projects {
		for from := 0; from < p.rows; from += batch {
			if err := db.Tx(ctx, func(tx *store.Tx) error { return p.insert(tx, from, min(from+batch, p.rows), began) }); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if (from+batch)%100_000 == 0 {
				fmt.Fprintf(os.Stderr, "seeding the list of %d: %d rows, %.0f s\n", p.rows, from+batch, time.Since(began).Seconds())
			}
		}
	}
	return nil
}

// insert adds sessions, the oldest first, a tenth of a second apart, in the states that a project in use has.
func (p *seeded) insert(tx *store.Tx, from, to int, now time.Time) error {
	amount, err := money.Parse("100.00")
	if err != nil {
		return err
	}
	states := []checkout.SessionStatus{
		checkout.SessionCompleted, checkout.SessionExpired, checkout.SessionCompleted, checkout.SessionCancelled, checkout.SessionPending,
	}
	for i := from; i < to; i++ {
		var seed checkout.Seed
		binary.BigEndian.PutUint64(seed[:], uint64(i))
		copy(seed[8:], p.project.ProjectID)
		at := now.Add(-time.Duration(p.rows-i) * 100 * time.Millisecond)
		var customer checkout.Seed
		binary.BigEndian.PutUint64(customer[:], uint64(i%(p.rows/10)))
		s := &checkout.Session{
			ID: seed.SessionID(at), ProjectID: checkout.ProjectID(p.project.ProjectID), CustomerID: customer.CustomerID(time.Now()),
			ExternalCustomerID: "customer-" + strconv.Itoa(i%(p.rows/10)), Type: checkout.Onramp, Status: states[i%len(states)],
			SourceAmount: amount, SourceCurrency: "USD", DestinationCurrency: "ETH", Network: "ethereum",
			DestinationAddress: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", RedirectURL: "https://shop.example.com/thanks",
			Country: "US", CountrySource: checkout.CountryGiven, Metadata: []byte(`{"cart":"7812","tier":"gold"}`),
			ExpiresAt: now.Add(24 * time.Hour), CreatedAt: at, UpdatedAt: at, SecretKeyID: "bench", Version: 1,
		}
		if _, err := tx.InsertSession(s); err != nil {
			return err
		}
	}
	return nil
}

// deepCursor reads the page before the last two by its number, which is slow and done once, for its cursor.
func (b *bench) deepCursor(ctx context.Context, s *seeded) (string, error) {
	page := s.rows/pageSize - 2
	var body []byte
	one := load{addr: b.lists.addr, conns: 1, want: 200, seen: func(_ int, got []byte) { body = append(body, got...) }}
	one.source = func(int) func() []byte {
		r := request("GET", "/v1/sessions?page="+strconv.Itoa(page), s.project.SecretKey, "")
		return func() []byte {
			once := r
			r = nil
			return once
		}
	}
	if _, err := one.run(ctx, window{measure: time.Minute}); err != nil {
		return "", err
	}
	var list struct {
		Data       []json.RawMessage `json:"data"`
		Pagination struct {
			Total      int    `json:"total"`
			NextCursor string `json:"nextCursor"`
		} `json:"pagination"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return "", err
	}
	if len(list.Data) != pageSize || list.Pagination.Total != s.rows || list.Pagination.NextCursor == "" {
		return "", fmt.Errorf("page %d has %d rows and total %d", page, len(list.Data), list.Pagination.Total)
	}
	return list.Pagination.NextCursor, nil
}

func (b *bench) loadList(target **process, s *seeded, deep bool) func(context.Context) (work, error) {
	return func(context.Context) (work, error) {
		path := "/v1/sessions"
		if deep {
			path += "?cursor=" + url.QueryEscape(s.cursor)
		}
		r := request("GET", path, s.project.SecretKey, "")
		return load{addr: (*target).addr, conns: 16, want: 200, source: func(int) func() []byte {
			return func() []byte { return r }
		}}, nil
	}
}
