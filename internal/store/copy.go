package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// TransferProgress is how far a transfer is: rows done, and all. While it compares, each row counts on both sides.
type TransferProgress struct {
	Table       string
	Comparing   bool
	Done, Total int64
}

// Compared is a table in both databases.
type Compared struct {
	Table    string
	From, To TableSum
}

// Same tells whether both hold the same rows.
func (c Compared) Same() bool { return c.From == c.To }

// Errors of Transfer and Compare, besides those of the databases.
var (
	ErrDiffer     = errors.New("the databases differ")
	ErrNotEmpty   = errors.New("it holds rows already")
	ErrUnfinished = errors.New("it is a copy that is not finished")
	ErrBusy       = errors.New("a server has written to it meanwhile; stop every node and run the copy again")
	errOtherCopy  = errors.New("another copy to this database is under way")
)

// A page of rows is read, and written in one transaction, up to so many rows or about so many bytes.
const (
	copyRows  = 5000
	copyBytes = 8 << 20
)

// Transfer copies all rows of a database into another one, compares the two, and returns what it has compared. The target must be
// empty, with or without a schema, or what an earlier Transfer from the same source has left: then it goes on.
//
// How far it is stands in the target, in a table of its own, and changes in the transaction of the rows that it tells of: a
// copy that is killed loses nothing and repeats nothing. While the table is there CheckSchema fails, so that nobody serves half a
// database; it goes when both are the same. Nobody may write to either: if they differ at the end, that
// is ErrDiffer, and ErrBusy if a server on PostgreSQL wrote to the source behind the comparison.
func Transfer(ctx context.Context, from, to *DB, show func(TransferProgress)) ([]Compared, error) {
	c, err := openCopy(from, to, show)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	if err := c.countRows(ctx); err != nil {
		return nil, err
	}
	for _, p := range c.places {
		c.seen.Done += p.copied
	}
	c.show(c.seen)
	for _, p := range c.places {
		if p.finished {
			continue
		}
		if err := c.copyTable(ctx, p); err != nil {
			return nil, err
		}
	}
	sums, err := c.compare(ctx)
	if err != nil {
		return sums, err
	}
	_, err = c.to.sql.ExecContext(ctx, `drop table copy_progress`)
	return sums, inTarget(err)
}

// Compare tells whether two databases hold the same rows: ErrDiffer, if not.
func Compare(ctx context.Context, from, to *DB, show func(TransferProgress)) ([]Compared, error) {
	c, err := openCopy(from, to, show)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := errors.Join(inSource(c.from.ready(ctx)), inTarget(c.to.ready(ctx))); err != nil {
		return nil, err
	}
	if err := c.countRows(ctx); err != nil {
		return nil, err
	}
	return c.compare(ctx)
}

// copying is a transfer or a comparison under way.
type copying struct {
	from, to *copySide
	places   []*copyPlace
	commits  int64 // of servers on the source, before the first row was read
	show     func(TransferProgress)

	mu   sync.Mutex
	seen TransferProgress
}

// copyPlace is how far a table is copied.
type copyPlace struct {
	table    copyTable
	copied   int64
	last     []byte // the key of the last row, encoded
	finished bool
}

func openCopy(from, to *DB, show func(TransferProgress)) (*copying, error) {
	c := &copying{show: show}
	var err error
	if c.from, err = openSide(from); err != nil {
		return nil, err
	}
	if c.to, err = openSide(to); err != nil {
		return nil, errors.Join(err, c.from.sql.Close())
	}
	return c, nil
}

func (c *copying) close() {
	_ = c.from.sql.Close() // everything written is committed
	_ = c.to.sql.Close()
}

func inSource(err error) error { return inSide("the source", err) }
func inTarget(err error) error { return inSide("the target", err) }

func inSide(side string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", side, err)
}

// advance shows progress. Its callers may be two goroutines.
func (c *copying) advance(table string, rows int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Table = table
	c.seen.Done += rows
	c.show(c.seen)
}

// countRows counts what there is to do, and what servers have done so far.
func (c *copying) countRows(ctx context.Context) (err error) {
	if c.commits, err = c.from.commits(ctx); err != nil {
		return inSource(err)
	}
	for _, t := range copyTables {
		var n int64
		if err := c.from.sql.QueryRowContext(ctx, `select count(*) from `+t.name).Scan(&n); err != nil {
			return inSource(err)
		}
		c.seen.Total += n
	}
	return nil
}

// prepare checks both databases, brings the target's schema up to date if it is empty, and finds out where to go on.
func (c *copying) prepare(ctx context.Context) error {
	if err := c.from.ready(ctx); err != nil {
		return inSource(err)
	}
	begun, err := c.to.has(ctx, "copy_progress")
	if err != nil {
		return inTarget(err)
	}
	if !begun {
		if err := c.begin(ctx); err != nil {
			return err
		}
	}
	return c.resume(ctx)
}

// begin makes an empty target one of this source, in one transaction.
func (c *copying) begin(ctx context.Context) error {
	if err := c.to.makeReady(ctx); err != nil {
		return inTarget(err)
	}
	source, err := c.from.first(ctx)
	if err != nil {
		return inSource(err)
	}
	schema, err := c.to.schema(ctx)
	if err != nil {
		return inTarget(err)
	}
	tx, err := c.to.sql.BeginTx(ctx, nil)
	if err != nil {
		return inTarget(err)
	}
	defer func() { _ = tx.Rollback() }() // says so after a commit too
	if _, err := tx.ExecContext(ctx, `create table copy_progress (name text not null primary key, source text not null, schema_version bigint not null,
		copied bigint not null, last_key bytea not null, finished boolean not null)`); err != nil {
		return inTarget(err)
	}
	for _, t := range copyTables {
		if _, err := tx.ExecContext(ctx, `insert into copy_progress (name, source, schema_version, copied, last_key, finished) values ($1, $2, $3, 0, $4, $5)`,
			t.name, source, schema, []byte{}, false); err != nil {
			return inTarget(err)
		}
	}
	return inTarget(tx.Commit())
}

// resume reads how far the target is.
func (c *copying) resume(ctx context.Context) error {
	source, err := c.from.first(ctx)
	if err != nil {
		return inSource(err)
	}
	schema, err := c.to.schema(ctx)
	if err != nil {
		return inTarget(err)
	}
	newest, err := NewestSchema()
	if err != nil {
		return err
	}
	for _, t := range copyTables {
		var begunFrom string
		var begunAs int64
		p := &copyPlace{table: t}
		err := c.to.sql.QueryRowContext(ctx, `select source, schema_version, copied, last_key, finished from copy_progress where name = $1`, t.name).
			Scan(&begunFrom, &begunAs, &p.copied, &p.last, &p.finished)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && (begunAs != newest || schema != newest):
			return inTarget(fmt.Errorf("%w, and was begun with another schema; begin anew, with an empty database", ErrUnfinished))
		case err != nil:
			return inTarget(err)
		case begunFrom != source:
			return inTarget(fmt.Errorf("%w, of another database; name that one, or an empty target", ErrUnfinished))
		}
		c.places = append(c.places, p)
	}
	return nil
}

// copyTable copies what is left of a table. The next page is read while one is written.
func (c *copying) copyTable(ctx context.Context, p *copyPlace) error {
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan copyPage, 1)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	last := p.last
	reader.Go(func() {
		defer close(pages)
		for more := true; more; {
			page := c.read(ctx, p.table, last)
			last, more = page.last, page.err == nil && !page.end
			select {
			case pages <- page:
			case <-ctx.Done():
				return
			}
		}
	})
	for page := range pages {
		if page.err != nil {
			return page.err
		}
		if err := c.to.write(ctx, p, page); err != nil {
			return inTarget(err)
		}
		p.copied += int64(len(page.rows))
		c.advance(p.table.name, int64(len(page.rows)))
	}
	return ctx.Err()
}

// copyPage is rows that follow each other, and whether they are the last.
type copyPage struct {
	rows [][]any
	last []byte
	end  bool
	err  error
}

func (c *copying) read(ctx context.Context, t copyTable, last []byte) (page copyPage) {
	page.last = last
	key, err := decodeKey(last)
	if err != nil {
		return copyPage{err: inTarget(err)}
	}
	rows, err := c.from.sql.QueryContext(ctx, t.page(len(key) > 0, copyRows), key...)
	if err != nil {
		return copyPage{err: inSource(err)}
	}
	defer func() { _ = rows.Close() }() // read-only
	row, size := newCopyRow(t), 0
	for size < copyBytes && rows.Next() {
		if err := rows.Scan(row.dest...); err != nil {
			return copyPage{err: inSource(fmt.Errorf("table %s: %w", t.name, err))}
		}
		values := row.values()
		if !c.to.db.exclusive {
			if err := t.storable(values); err != nil {
				return copyPage{err: inSource(err)}
			}
		}
		for _, v := range values {
			switch v := v.(type) {
			case string:
				size += len(v)
			case []byte:
				size += len(v)
			}
		}
		page.rows = append(page.rows, values)
	}
	if err := rows.Err(); err != nil {
		return copyPage{err: inSource(err)}
	}
	if n := len(page.rows); n > 0 {
		page.last = encodeValues(nil, page.rows[n-1][:t.key])
	}
	page.end = size < copyBytes && len(page.rows) < copyRows
	return page
}

// compare reads both sides at once, table by table.
func (c *copying) compare(ctx context.Context) ([]Compared, error) {
	all, err := c.compareTables(ctx)
	if err != nil {
		return all, err
	}
	commits, err := c.from.commits(ctx)
	if err == nil && commits != c.commits {
		err = ErrBusy
	}
	return all, inSource(err)
}

func (c *copying) compareTables(ctx context.Context) ([]Compared, error) {
	c.seen.Comparing, c.seen.Done, c.seen.Total = true, 0, 2*c.seen.Total
	var all []Compared
	var differ []string
	for _, t := range copyTables {
		var wg sync.WaitGroup
		var errs [2]error
		pair := Compared{Table: t.name}
		wg.Go(func() { pair.From, errs[0] = c.sum(ctx, c.from, t) })
		wg.Go(func() { pair.To, errs[1] = c.sum(ctx, c.to, t) })
		wg.Wait()
		if err := errors.Join(inSource(errs[0]), inTarget(errs[1])); err != nil {
			return all, err
		}
		all = append(all, pair)
		if !pair.Same() {
			differ = append(differ, t.name)
		}
	}
	if len(differ) > 0 {
		return all, fmt.Errorf("%w in %s", ErrDiffer, strings.Join(differ, ", "))
	}
	return all, nil
}

// sum reads a whole table.
func (c *copying) sum(ctx context.Context, side *copySide, t copyTable) (sum TableSum, err error) {
	rows, err := side.sql.QueryContext(ctx, t.all())
	if err != nil {
		return sum, err
	}
	defer func() { _ = rows.Close() }() // read-only
	row := newCopyRow(t)
	var encoded []byte
	shown := int64(0)
	for rows.Next() {
		if err := rows.Scan(row.dest...); err != nil {
			return sum, fmt.Errorf("table %s: %w", t.name, err)
		}
		encoded = encodeValues(encoded[:0], row.values())
		sum.add(encoded)
		if sum.Rows-shown == copyRows {
			c.advance(t.name, copyRows)
			shown = sum.Rows
		}
	}
	c.advance(t.name, sum.Rows-shown)
	return sum, rows.Err()
}
