package store

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// pgStatement is a statement on its way to PostgreSQL, and then its answer. Arguments go as text, whose type the server
// takes from the place that they stand in; bytes go as they are. All answers are binary.
type pgStatement struct {
	query   string
	args    []any // for Options.Trace
	params  [][]byte
	formats []int16

	sent    bool
	answers pgAnswer
	n       int64 // rows changed, or read
	err     error
}

// pgAnswer is the rows of an answer: all values in one piece of memory, and where each of them ends.
type pgAnswer struct {
	oids  []uint32
	bytes []byte
	ends  []int // of each value in bytes; -1 for a null, which has none
}

// errUnstorable says that PostgreSQL has no such text: it takes neither a zero byte nor what is not UTF-8.
var errUnstorable = errors.New("store: a text with a zero byte, or one that is not UTF-8")

func newPgStatement(query string, args []any) (*pgStatement, error) {
	st := &pgStatement{query: query, args: args, params: make([][]byte, len(args)), formats: make([]int16, len(args))}
	buf := make([]byte, 0, 16*len(args))
	for i, arg := range args {
		from := len(buf)
		switch v := arg.(type) {
		case nil:
			continue
		case []byte:
			st.params[i], st.formats[i] = v, pgtype.BinaryFormatCode
			continue
		case string:
			if strings.IndexByte(v, 0) >= 0 || !utf8.ValidString(v) {
				return nil, errUnstorable
			}
			buf = append(buf, v...)
		case int64:
			buf = strconv.AppendInt(buf, v, 10)
		case int:
			buf = strconv.AppendInt(buf, int64(v), 10)
		case int16:
			buf = strconv.AppendInt(buf, int64(v), 10)
		case bool:
			buf = strconv.AppendBool(buf, v)
		default:
			return nil, fmt.Errorf("store: no way to send a %T to PostgreSQL", arg)
		}
		st.params[i] = buf[from:len(buf):len(buf)]
	}
	return st, nil
}

// read takes the answer over from the connection, whose memory it is in.
func (st *pgStatement) read(rr *pgconn.ResultReader) {
	st.answers = pgAnswer{bytes: []byte{}} // not nil, or a row of empty texts alone would be read as one of nulls
	for rr.NextRow() {
		if st.answers.oids == nil {
			for _, f := range rr.FieldDescriptions() {
				st.answers.oids = append(st.answers.oids, f.DataTypeOID)
			}
		}
		for _, v := range rr.Values() {
			if v == nil {
				st.answers.ends = append(st.answers.ends, -1)
				continue
			}
			st.answers.bytes = append(st.answers.bytes, v...)
			st.answers.ends = append(st.answers.ends, len(st.answers.bytes))
		}
	}
	tag, err := rr.Close()
	st.n, st.err = tag.RowsAffected(), err
}

// pgRows walks over the rows of an answer.
type pgRows struct {
	pgAnswer
	next int // value, in ends
	from int // byte
}

func (r *pgRows) Next() bool   { return r.next < len(r.ends) }
func (r *pgRows) Err() error   { return nil }
func (r *pgRows) Close() error { return nil }

// Scan reads the next row, and moves behind it.
func (r *pgRows) Scan(dest ...any) error {
	if len(dest) != len(r.oids) {
		return fmt.Errorf("store: %d columns were read into %d variables", len(r.oids), len(dest))
	}
	for i, d := range dest {
		var value []byte
		if end := r.ends[r.next]; end >= 0 {
			value = r.bytes[r.from:end:end]
			r.from = end
		}
		r.next++
		if err := scanPg(r.oids[i], value, d); err != nil {
			return fmt.Errorf("store: column %d: %w", i+1, err)
		}
	}
	return nil
}

// pgRow is the one row of an answer, or why there is none.
type pgRow struct {
	answers pgAnswer
	err     error
}

func (r pgRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	rows := &pgRows{pgAnswer: r.answers}
	if !rows.Next() {
		return sql.ErrNoRows
	}
	return rows.Scan(dest...)
}

func scanPg(oid uint32, value []byte, dest any) error {
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.NameOID, pgtype.UnknownOID:
		return scanPgText(value, dest)
	case pgtype.ByteaOID:
		d, ok := dest.(*[]byte)
		if !ok {
			return fmt.Errorf("bytes don't fit into a %T", dest)
		}
		*d = value
		return nil
	case pgtype.BoolOID:
		d, ok := dest.(*bool)
		if !ok || len(value) != 1 {
			return fmt.Errorf("a boolean doesn't fit into a %T", dest)
		}
		*d = value[0] != 0
		return nil
	}
	var n int64
	switch {
	case oid == pgtype.Int8OID && len(value) == 8:
		n = int64(binary.BigEndian.Uint64(value))
	case oid == pgtype.Int4OID && len(value) == 4:
		n = int64(int32(binary.BigEndian.Uint32(value)))
	case oid == pgtype.Int2OID && len(value) == 2:
		n = int64(int16(binary.BigEndian.Uint16(value)))
	default:
		return fmt.Errorf("no way to read type %d, %d bytes", oid, len(value))
	}
	switch d := dest.(type) {
	case *int64:
		*d = n
	case *int:
		*d = int(n)
	default:
		return fmt.Errorf("an integer doesn't fit into a %T", dest)
	}
	return nil
}

func scanPgText(value []byte, dest any) error {
	switch d := dest.(type) {
	case *string:
		if value == nil {
			return errors.New("a null doesn't fit into a string")
		}
		*d = string(value)
	case *sql.NullString:
		*d = sql.NullString{String: string(value), Valid: value != nil}
	default: // a type of ours whose kind is string
		v := reflect.ValueOf(dest)
		if value == nil || v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.String {
			return fmt.Errorf("a text doesn't fit into a %T", dest)
		}
		v.Elem().SetString(string(value))
	}
	return nil
}
