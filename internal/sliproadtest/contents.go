package sliproadtest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

// AtRest is what a thief of the database would find: the bytes of each file of the data directory, by name, or of each table
// of PostgreSQL.
func (s *Server) AtRest(tb testing.TB) map[string][]byte {
	tb.Helper()
	read := s.files
	if s.set.postgres {
		read = s.tables
	}
	places := map[string][]byte{}
	if err := read(places); err != nil {
		tb.Fatal(err)
	}
	return places
}

func (s *Server) files(places map[string][]byte) error {
	return filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			places[d.Name()], err = os.ReadFile(path)
		}
		return err
	})
}

func (s *Server) tables(places map[string][]byte) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.set.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	list, err := conn.Query(ctx, "select table_name::text from information_schema.tables where table_schema = 'public'")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(list, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		rows, err := conn.Query(ctx, "select * from "+pgx.Identifier{name}.Sanitize())
		if err != nil {
			return err
		}
		text := []byte{}
		for rows.Next() {
			for _, value := range rows.RawValues() { // texts and bytes are as they are stored
				text = append(append(text, value...), '\n')
			}
		}
		if rows.Err() != nil {
			return rows.Err()
		}
		places[name] = text
	}
	return nil
}
