package store

import (
	"context"
	"errors"

	"github.com/sliproad/sliproad/internal/money"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

func scanAll[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) (list []T, err error) {
	rows, err := q.query(ctx, query, args...)
	if err != nil {
		return nil, unavailable(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, unavailable(rows.Err())
}

func scanAmount(text string, to *money.Amount) error {
	if text == "" {
		return nil
	}
	a, err := money.Parse(text)
	*to = a
	return err
}
