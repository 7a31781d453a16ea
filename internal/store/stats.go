package store

import (
	"net/url"
	"sync/atomic"
)

// Stats count what a DB has done since it was opened.
type Stats struct {
	Commits   int64 // that reached the disk; many calls of Tx may share one
	Committed int64 // calls of Tx that were in them
	Retried   int64 // PostgreSQL: runs of a function that came to nothing and were repeated
	FoundOut  int64 // PostgreSQL: commits whose answer was lost, and of which it was found out what became of them
	Unknown   int64 // PostgreSQL: those of which it was not
	Conns     int64 // PostgreSQL: connections there are
	BusyConns int64 // PostgreSQL: connections at work
}

type counters struct{ commits, committed, retried, foundOut, unknown atomic.Int64 }

// Stats returns the counts.
func (db *DB) Stats() Stats {
	s := Stats{
		Commits: db.counters.commits.Load(), Committed: db.counters.committed.Load(), Retried: db.counters.retried.Load(),
		FoundOut: db.counters.foundOut.Load(), Unknown: db.counters.unknown.Load(),
	}
	if e, ok := db.engine.(*pgEngine); ok {
		pool := e.pool.Stat()
		s.Conns, s.BusyConns = int64(pool.TotalConns()), int64(pool.AcquiredConns())
	}
	return s
}

// Redact is the database setting as it may be shown: without a password.
func Redact(setting string) string {
	if path, err := ParseURL(setting); err != nil || path != "" {
		return setting
	}
	u, err := url.Parse(setting)
	if err != nil {
		return "postgres://…"
	}
	q := u.Query()
	for name := range q {
		if name == "password" || name == "sslpassword" {
			q.Set(name, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}
