package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// copySide is one of the two databases, and a connection of its own kind to it.
type copySide struct {
	db  *DB
	sql *sql.DB
}

func openSide(db *DB) (*copySide, error) {
	conn, _, err := db.migrator()
	return &copySide{db, conn}, err
}

func (s *copySide) has(ctx context.Context, table string) (bool, error) {
	return s.db.hasTable(ctx, s.sql, table)
}

func (db *DB) hasTable(ctx context.Context, conn *sql.DB, table string) (has bool, err error) {
	query := `select to_regclass($1) is not null`
	if db.exclusive {
		query = `select count(*) > 0 from sqlite_schema where type = 'table' and name = $1`
	}
	err = conn.QueryRowContext(ctx, query, table).Scan(&has)
	return has, err
}

// schema is the version of the schema, and 0 where there is none.
func (s *copySide) schema(ctx context.Context) (version int64, err error) {
	has, err := s.has(ctx, "goose_db_version")
	if err != nil || !has {
		return 0, err
	}
	err = s.sql.QueryRowContext(ctx, `select coalesce(max(version_id), 0) from goose_db_version`).Scan(&version)
	return version, err
}

// ready refuses a database that is not whole, or whose schema is not the one that this version of the program knows: of
// another one it might forget a column.
func (s *copySide) ready(ctx context.Context) error {
	version, err := s.schema(ctx)
	if err != nil {
		return err
	}
	newest, err := NewestSchema()
	switch {
	case err != nil:
		return err
	case version == 0:
		return errNotOurs
	case version < newest:
		return fmt.Errorf("its schema has version %d, this sliproad copies %d; run: sliproad migrate up --database-url URL", version, newest)
	case version > newest:
		return fmt.Errorf("its schema has version %d, this sliproad copies %d; install the sliproad that it is of", version, newest)
	}
	unfinished, err := s.has(ctx, "copy_progress")
	if err == nil && unfinished {
		return ErrUnfinished
	}
	return err
}

// empty refuses a database that holds rows. What a writer has counted is no row.
func (s *copySide) empty(ctx context.Context) error {
	for _, t := range copyTables {
		has, err := s.has(ctx, t.name)
		if err == nil && has {
			err = s.sql.QueryRowContext(ctx, `select exists (select 1 from `+t.name+`)`).Scan(&has)
		}
		if err != nil {
			return err
		}
		if has {
			return fmt.Errorf("%w, in %s", ErrNotEmpty, t.name)
		}
	}
	return nil
}

// makeReady gives an empty database the schema.
func (s *copySide) makeReady(ctx context.Context) error {
	if err := s.empty(ctx); err != nil {
		return err
	}
	version, err := s.schema(ctx)
	if err != nil {
		return err
	}
	if newest, err := NewestSchema(); err != nil || version > newest {
		return errors.Join(err, s.ready(ctx)) // which refuses it
	}
	_, err = s.db.Migrate(ctx)
	return err
}

// commits counts those of servers on PostgreSQL, their checks of its health included. SQLite's are kept out by a lock.
func (s *copySide) commits(ctx context.Context) (n int64, err error) {
	err = s.sql.QueryRowContext(ctx, `select cast(coalesce(sum(seq + fence), 0) as bigint) from writers`).Scan(&n)
	return n, err
}

// first tells the source from others: by its first project, whose id nobody else has.
func (s *copySide) first(ctx context.Context) (id string, err error) {
	err = s.sql.QueryRowContext(ctx, `select id from projects order by created_at, id limit 1`).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// countCopy says how far the table is now, unless somebody else has said so meanwhile.
const countCopy = `update copy_progress set copied = $1, last_key = $2, finished = $3 where name = $4 and copied = $5 and finished = $6`

// write writes the rows and how far the copy is, in one transaction.
func (s *copySide) write(ctx context.Context, p *copyPlace, page copyPage) error {
	place := []any{p.copied + int64(len(page.rows)), page.last, page.end, p.table.name, p.copied, false}
	if page.last == nil {
		place[1] = []byte{}
	}
	if s.db.exclusive {
		return s.insertRows(ctx, p.table, page.rows, place)
	}
	conn, err := s.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it goes back to its pool
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("store: the driver's connection is %T, not one of pgx", driverConn)
		}
		return pgx.BeginFunc(ctx, c.Conn(), func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, countCopy, place...) // first: its lock lets one copy through
			if err == nil && tag.RowsAffected() == 0 {
				err = errOtherCopy
			}
			if err != nil {
				return err
			}
			_, err = tx.CopyFrom(ctx, pgx.Identifier{p.table.name}, p.table.names(), pgx.CopyFromRows(page.rows))
			return p.table.blame(page.rows, err)
		})
	})
}

func (s *copySide) insertRows(ctx context.Context, t copyTable, rows [][]any, place []any) error {
	tx, err := s.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // says so after a commit too
	result, err := tx.ExecContext(ctx, countCopy, place...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errOtherCopy)
	}
	insert, err := tx.PrepareContext(ctx, t.insert())
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }() // with the transaction
	for _, row := range rows {
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return fmt.Errorf("%s: %w", t.row(row), err)
		}
	}
	return tx.Commit()
}

// blame says between which rows the one is that PostgreSQL refused.
func (t copyTable) blame(rows [][]any, err error) error {
	if err == nil || len(rows) == 0 {
		return err
	}
	return fmt.Errorf("%s, or one of the %d that follow it: %w", t.row(rows[0]), len(rows)-1, err)
}
