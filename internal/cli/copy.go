package cli

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/sliproad/sliproad/internal/store"
)

type copyCommand struct {
	From   string `required:"" env:"SLIPROAD_COPY_FROM" placeholder:"URL" help:"The database to copy, sqlite:PATH or postgres://…. A password is better given by the environment."`
	To     string `required:"" env:"SLIPROAD_COPY_TO" placeholder:"URL" help:"The database to fill. It must be empty, or the unfinished copy of the same one, which is then finished."`
	Verify bool   `help:"Copy nothing: compare the two."`
	JSON   bool   `name:"json" help:"Print one line of JSON: tables (table, rows, sha256), seconds."`
}

func (c *copyCommand) Run(ctx context.Context, s streams) error {
	from, err := store.ParseURL(c.From)
	if err != nil {
		return fmt.Errorf("--from (SLIPROAD_COPY_FROM): %w", err)
	}
	to, err := store.ParseURL(c.To)
	if err != nil {
		return fmt.Errorf("--to (SLIPROAD_COPY_TO): %w", err)
	}
	unlock, err := c.lock(from, to)
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }() // nothing was written by way of it
	start := time.Now()
	sums, err := c.run(ctx, s)
	if err != nil && ctx.Err() != nil {
		return errors.New("stopped before the end; run it again to go on")
	}
	if told := c.tell(s, sums, err == nil, time.Since(start)); told != nil {
		return told
	}
	return c.explain(err)
}

// lock claims SQLite's files as a server does, until the end. Of PostgreSQL, only the comparison tells that a server ran.
func (c *copyCommand) lock(from, to string) (unlock func() error, err error) {
	if from != "" {
		if _, err := os.Stat(from); err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
	}
	if to != "" && !c.Verify {
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return nil, fmt.Errorf("--to: %w", err)
		}
	}
	var locks []func() error
	unlock = func() error {
		var errs []error
		for _, u := range locks {
			errs = append(errs, u())
		}
		return errors.Join(errs...)
	}
	for _, path := range []string{from, to} {
		if path == "" {
			continue
		}
		u, err := claim(path+".lock", "a server or another copy runs on %s, or it is given twice; stop it first", path)
		if err != nil {
			return nil, errors.Join(err, unlock())
		}
		locks = append(locks, u)
	}
	return unlock, nil
}

func (c *copyCommand) run(ctx context.Context, s streams) ([]store.Compared, error) {
	from, err := store.Open(ctx, c.From, store.Options{ReadConns: 2, MustExist: true})
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	defer func() { _ = from.Close() }() // nothing was written
	to, err := store.Open(ctx, c.To, store.Options{ReadConns: 2, MustExist: c.Verify})
	if err != nil {
		return nil, fmt.Errorf("the target: %w", err)
	}
	m := newMeter(s.err, func(n int64) string { return strconv.FormatInt(n, 10) })
	show := func(p store.TransferProgress) {
		phase := "copying"
		if p.Comparing {
			phase = "comparing"
		}
		m.show(phase, p.Table, p.Done, p.Total)
	}
	work := store.Transfer
	if c.Verify {
		work = store.Compare
	}
	sums, err := work(ctx, from, to, show)
	m.clear()
	return sums, errors.Join(err, to.Close())
}

// explain says what to do.
func (c *copyCommand) explain(err error) error {
	switch {
	case errors.Is(err, store.ErrDiffer) && c.Verify:
		return fmt.Errorf("%w: one of them was written to since they were the same, or the one is no copy of the other", err)
	case errors.Is(err, store.ErrDiffer):
		return fmt.Errorf("%w: the source or the target was written to meanwhile. No server starts on the target; stop all that writes, empty the target, and copy again", err)
	case errors.Is(err, store.ErrNotEmpty):
		return fmt.Errorf("%w: a copy needs an empty database. If this is a finished copy, check it with --verify", err)
	case errors.Is(err, store.ErrUnfinished) && c.Verify:
		return fmt.Errorf("%w: run the copy again, without --verify", err)
	}
	return err
}

// tableSum is a table as it is printed as JSON.
type tableSum struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
	Same   bool   `json:"same"`
}

// tell prints what was compared, as far as it was, and the last line only if all is done.
func (c *copyCommand) tell(s streams, sums []store.Compared, done bool, took time.Duration) error {
	if len(sums) == 0 {
		return nil
	}
	if c.JSON {
		var line struct {
			Tables  []tableSum  `json:"tables"`
			Seconds json.Number `json:"seconds"`
		}
		line.Seconds = json.Number(fmt.Sprintf("%.3f", took.Seconds()))
		for _, t := range sums {
			line.Tables = append(line.Tables, tableSum{t.Table, t.From.Rows, hex.EncodeToString(t.From.Hash[:]), t.Same()})
		}
		return json.NewEncoder(s.out).Encode(line)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "TABLE\tROWS\tSHA-256\t")
	rows := int64(0)
	for _, t := range sums {
		rows += t.From.Rows
		if t.Same() {
			_, _ = fmt.Fprintf(w, "%s\t%d\t%x…\t✓\n", t.Table, t.From.Rows, t.From.Hash[:8])
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%d, not %d\t%x…, not %x…\tDIFFERS\n", t.Table, t.To.Rows, t.From.Rows, t.To.Hash[:8], t.From.Hash[:8])
	}
	if err := w.Flush(); err != nil || !done {
		return err
	}
	what := "copied and compared"
	if c.Verify {
		what = "compared"
	}
	_, err := fmt.Fprintf(s.out, "%s → %s: %d rows %s, in %v\n", shownDatabase(c.From), shownDatabase(c.To), rows, what, took.Round(time.Millisecond))
	return err
}
