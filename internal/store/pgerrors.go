package store

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// lostError says that the connection, or the server's readiness, is gone: nothing is known to be wrong with the
// statement. In the middle of a failover everything ends so.
type lostError struct{ cause error }

func (e lostError) Error() string { return "store: PostgreSQL is not there: " + e.cause.Error() }
func (e lostError) Unwrap() error { return e.cause }

// unknownError says that a commit got no answer, and that it could not be found out what became of it.
type unknownError struct{ cause error }

func (e unknownError) Error() string {
	return "store: PostgreSQL did not answer a commit, and is not there to tell what became of it: " + e.cause.Error()
}
func (e unknownError) Unwrap() error { return e.cause }

// contendedError says that transactions stood in each other's way for too long.
type contendedError struct{ cause error }

func (e contendedError) Error() string {
	return "store: too many transactions want the same rows: " + e.cause.Error()
}
func (e contendedError) Unwrap() error { return e.cause }

func postgresUnavailable(err error) bool {
	var lost lostError
	var unknown unknownError
	var contended contendedError
	return errors.As(err, &lost) || errors.As(err, &unknown) || errors.As(err, &contended)
}

// pgClass is what an error calls for.
type pgClass int

const (
	pgFatal     pgClass = iota // the statement is wrong, or its data
	pgLost                     // try again, on another connection
	pgContended                // try again, a little later
	pgDuplicate                // a key that should have been new is there
)

// classify reads PostgreSQL's error codes: https://www.postgresql.org/docs/current/errcodes-appendix.html.
func (e *pgEngine) classify(err error) pgClass {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return pgLost // the driver's: a connection that failed, or a wait that ended
	}
	switch code := pgErr.Code; {
	case pgErr.SeverityUnlocalized == "FATAL", pgErr.SeverityUnlocalized == "PANIC":
		return pgLost
	case code == "40001", code == "40P01", code == "55P03":
		return pgContended
	case code == "XX000" && e.sharded.Load(): // how Citus tells a conflict
		return pgContended
	case code == "23505":
		return pgDuplicate
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), strings.HasPrefix(code, "57"),
		code == "25006", code == "26000", code == "25P03":
		return pgLost
	}
	return pgFatal
}
