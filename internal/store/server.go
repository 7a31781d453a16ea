package store

import (
	"context"
	"strings"
)

// Server is what PostgreSQL tells of itself, as far as it matters for what is acknowledged.
type Server struct {
	Version     string // as version() has it, such as "PostgreSQL 15.18"
	Replication string // synchronous_standby_names; empty: an acknowledged fact may be on one server only
	Commit      string // synchronous_commit
	Connections string // max_connections
	Sharded     bool
}

// Server asks PostgreSQL for what it is. ErrNotFound: the database is SQLite.
func (db *DB) Server(ctx context.Context) (Server, error) {
	e, ok := db.engine.(*pgEngine)
	if !ok {
		return Server{}, ErrNotFound
	}
	var s Server
	err := db.queryRow(ctx, `select version(), coalesce(current_setting('synchronous_standby_names', true), ''),
		coalesce(current_setting('synchronous_commit', true), ''), coalesce(current_setting('max_connections', true), '')`).
		Scan(&s.Version, &s.Replication, &s.Commit, &s.Connections)
	s.Version, _, _ = strings.Cut(s.Version, " (")
	s.Version, _, _ = strings.Cut(s.Version, " on ")
	s.Sharded = e.sharded.Load()
	return s, unavailable(err)
}
