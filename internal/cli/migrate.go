package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/sliproad/sliproad/internal/store"
)

type migrateCommand struct {
	Up     migrateUp     `cmd:"" help:"Bring the schema up to date; safe to repeat, and beside a running server."`
	Status migrateStatus `cmd:"" help:"Show the steps of the schema, and which were taken."`
}

type migrateUp struct {
	databaseFlags `embed:""`
}

// open opens the database whatever its schema; with a URL it may be new.
func (f databaseFlags) open(ctx context.Context, mustExist bool) (*store.DB, error) {
	url, err := f.url()
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, url, store.Options{ReadConns: 2, MustExist: mustExist})
}

func (c *migrateUp) Run(ctx context.Context, s streams) error {
	db, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	done, err := db.Migrate(ctx)
	for _, m := range done {
		_, _ = fmt.Fprintf(s.out, "applied %d %s\n", m.Version, m.Name)
	}
	if err == nil {
		_, err = fmt.Fprintln(s.out, "the schema is up to date")
	}
	return errors.Join(err, db.Close())
}

type migrateStatus struct {
	databaseFlags `embed:""`
}

func (c *migrateStatus) Run(ctx context.Context, s streams) error {
	db, err := c.open(ctx, true)
	if err != nil {
		return err
	}
	list, err := db.Migrations(ctx)
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, m := range list {
		state := "pending; run: sliproad migrate up"
		if !m.AppliedAt.IsZero() {
			state = "applied " + m.AppliedAt.UTC().Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\n", m.Version, m.Name, state)
	}
	return errors.Join(err, w.Flush(), db.Close())
}
