package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// copyTable is a table whose rows move to another database: its columns, those of the primary key first.
type copyTable struct {
	name    string
	key     int // columns of the primary key
	columns []copyColumn
}

type copyColumn struct{ name, kind string }

// copyTables are all tables but two: writers counts commits that nobody asks for any more, and the migrations make
// their own. The columns are written as in the migrations; a test compares them with the schema of both engines.
var copyTables = []copyTable{
	tableOf("projects", 1, `id text, name text, mode text, default_gateway text, allowed_origins text, strict_address boolean, created_at bigint`),
	tableOf("api_keys", 1, `hash bytea, id text, project_id text, kind text, hint text, created_at bigint, expires_at bigint, revoked_at bigint`),
	tableOf("brands", 1, `project_id text, name text, accent text, logo_type text, logo_hash text, logo bytea, updated_at bigint`),
	tableOf("customers", 2, `project_id text, id text, external_id text, created_at bigint`),
	tableOf("sessions", 2, `project_id text, id text, bucket smallint, customer_id text, external_customer_id text, type text, status text,
		source_amount text, source_currency text, destination_currency text, network text, destination_address text, redirect_url text,
		country text, country_source text, metadata text, field_locks text, warnings text, expires_at bigint, created_at bigint,
		updated_at bigint, order_id text, secret_key_id text, version bigint, destination_tag text`),
	tableOf("orders", 2, `project_id text, id text, bucket smallint, session_id text, type text, status text, gateway text, external_order_id text,
		fiat_amount text, fiat_currency text, crypto_currency text, crypto_amount text, network text, wallet_address text, email text,
		customer_id text, external_customer_id text, redirect_url text, country text, transaction_hash text, failure_reason text,
		checkout_url text, checkout_seconds bigint, metadata text, created_at bigint, updated_at bigint, completed_at bigint,
		late_payment_at bigint, late_crypto_amount text, late_transaction_hash text, prior_status text, lease_owner text,
		lease_until bigint, version bigint, wallet_tag text, details text`),
	tableOf("events", 2, `project_id text, id text, bucket smallint, type text, session_id text, order_id text, created_at bigint, body bytea`),
	tableOf("idempotency", 2, `project_id text, key text, fingerprint bytea, seed bytea, owner text, lease_until bigint, epoch bigint,
		status bigint, body bytea, replays bigint, created_at bigint`),
	tableOf("notifications", 3, `project_id text, gateway text, dedup_key text, order_id text, received_at bigint, body bytea`),
	tableOf("master_key_check", 1, `id smallint, sealed bytea`),
	tableOf("counts", 5, `project_id text, resource text, facet text, status text, slot smallint, n bigint`),
	tableOf("webhooks", 2, `project_id text, id text, url text, events text, secret bytea, old_secrets bytea, status text, disabled_reason text,
		failing_since bigint, created_at bigint, updated_at bigint, version bigint`),
	tableOf("deliveries", 2, `project_id text, id text, bucket smallint, webhook_id text, event_id text, event_type text, order_id text,
		status text, attempts bigint, due_at bigint, created_at bigint, finished_at bigint, lease_owner text, lease_until bigint`),
	tableOf("attempts", 3, `project_id text, delivery_id text, number bigint, at bigint, status_code bigint, took bigint, response bytea, error text`),
	tableOf("routing_rules", 1, `project_id text, body text, updated_at bigint`),
	tableOf("gateway_accounts", 2, `project_id text, gateway text, settings bytea, enabled boolean, updated_at bigint, version bigint`),
	tableOf("gateway_tokens", 4, `project_id text, gateway text, name text, seq bigint, value bytea, expires_at bigint, rejected boolean,
		lease_owner text, lease_until bigint`),
	tableOf("gateway_catalogues", 2, `project_id text, gateway text, body bytea, loaded_at bigint, attempted_at bigint, attempts bigint`),
}

func tableOf(name string, key int, columns string) copyTable {
	t := copyTable{name: name, key: key}
	for column := range strings.SplitSeq(columns, ",") {
		f := strings.Fields(column)
		t.columns = append(t.columns, copyColumn{f[0], f[1]})
	}
	return t
}

func (t copyTable) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// all is the query for every row, in no order.
func (t copyTable) all() string {
	return "select " + strings.Join(t.names(), ", ") + " from " + t.name
}

// page is the query for the next rows in the order of the key: after the key that is its arguments, if it has any.
func (t copyTable) page(after bool, limit int) string {
	key := strings.Join(t.names()[:t.key], ", ")
	where := ""
	if after {
		where = fmt.Sprintf(" where (%s) > (%s)", key, placeholders(t.key))
	}
	return fmt.Sprintf("%s%s order by %s limit %d", t.all(), where, key, limit)
}

func (t copyTable) insert() string {
	return fmt.Sprintf("insert into %s (%s) values (%s)", t.name, strings.Join(t.names(), ", "), placeholders(len(t.columns)))
}

func placeholders(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String()
}

// copyRow is where one row is read into. SQLite may hold a boolean as a number, and a text as a blob; here they are
// what the column says.
type copyRow struct {
	table copyTable
	dest  []any
}

func newCopyRow(t copyTable) *copyRow {
	r := &copyRow{table: t, dest: make([]any, len(t.columns))}
	for i, c := range t.columns {
		switch c.kind {
		case "text":
			r.dest[i] = new(sql.NullString)
		case "bytea":
			r.dest[i] = new(sql.Null[[]byte])
		case "boolean":
			r.dest[i] = new(sql.NullBool)
		default:
			r.dest[i] = new(sql.NullInt64)
		}
	}
	return r
}

// values are those of the row: string, []byte, bool, int64, or nil for a null.
func (r *copyRow) values() []any {
	values := make([]any, len(r.dest))
	for i, d := range r.dest {
		switch v := d.(type) {
		case *sql.NullString:
			if v.Valid {
				values[i] = v.String
			}
		case *sql.Null[[]byte]:
			if v.Valid {
				values[i] = append([]byte{}, v.V...) // never nil, which would be a null
			}
		case *sql.NullBool:
			if v.Valid {
				values[i] = v.Bool
			}
		case *sql.NullInt64:
			if v.Valid {
				values[i] = v.Int64
			}
		}
	}
	return values
}

// The first byte of a value as it is encoded.
const (
	encodedNull byte = iota
	encodedBytes
	encodedText
	encodedInt
	encodedBool
)

// encodeValues appends the values so that other values have other bytes, and the same ones the same, whatever the engine.
func encodeValues(to []byte, values []any) []byte {
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			to = append(to, encodedNull)
		case []byte:
			to = append(binary.AppendUvarint(append(to, encodedBytes), uint64(len(v))), v...)
		case string:
			to = append(binary.AppendUvarint(append(to, encodedText), uint64(len(v))), v...)
		case int64:
			to = binary.BigEndian.AppendUint64(append(to, encodedInt), uint64(v))
		case bool:
			n := byte(0)
			if v {
				n = 1
			}
			to = append(to, encodedBool, n)
		}
	}
	return to
}

var errBadKey = errors.New("store: the place that the unfinished copy had reached can't be read")

// decodeKey reads what encodeValues made of a key, which has texts, bytes and numbers.
func decodeKey(from []byte) (values []any, err error) {
	for len(from) > 0 {
		kind := from[0]
		from = from[1:]
		if kind == encodedInt {
			if len(from) < 8 {
				return nil, errBadKey
			}
			values = append(values, int64(binary.BigEndian.Uint64(from)))
			from = from[8:]
			continue
		}
		length, n := binary.Uvarint(from)
		if n <= 0 || uint64(len(from)-n) < length || (kind != encodedBytes && kind != encodedText) {
			return nil, errBadKey
		}
		piece := from[n : n+int(length)]
		from = from[n+int(length):]
		if kind == encodedText {
			values = append(values, string(piece))
		} else {
			values = append(values, piece)
		}
	}
	return values, nil
}

// storable refuses what SQLite takes and PostgreSQL doesn't, and names the row and the column.
func (t copyTable) storable(values []any) error {
	for i, value := range values {
		switch v := value.(type) {
		case string:
			if strings.IndexByte(v, 0) >= 0 || !utf8.ValidString(v) {
				return fmt.Errorf("%s: %s holds a zero byte, or one that is not UTF-8, which PostgreSQL has no text for; change the text in the source", t.row(values), t.columns[i].name)
			}
		case int64:
			if t.columns[i].kind == "smallint" && v != int64(int16(v)) {
				return fmt.Errorf("%s: %s is %d, which is more than PostgreSQL has there", t.row(values), t.columns[i].name, v)
			}
		}
	}
	return nil
}

// row names a row to a person.
func (t copyTable) row(values []any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s, the row with", t.name)
	for i, value := range values[:t.key] {
		if i > 0 {
			b.WriteByte(',')
		}
		if v, ok := value.([]byte); ok {
			value = hex.EncodeToString(v)
		}
		fmt.Fprintf(&b, " %s %#v", t.columns[i].name, value)
	}
	return b.String()
}

// TableSum is what a table holds: how many rows, and the sum, mod 2^256, of the hashes of all rows. It does not depend on their order.
type TableSum struct {
	Rows int64
	Hash [sha256.Size]byte
}

// add counts one row in.
func (s *TableSum) add(encoded []byte) {
	s.Rows++
	row := sha256.Sum256(encoded)
	var carry uint64
	for i := sha256.Size - 8; i >= 0; i -= 8 {
		var n uint64
		n, carry = bits.Add64(binary.BigEndian.Uint64(s.Hash[i:]), binary.BigEndian.Uint64(row[i:]), carry)
		binary.BigEndian.PutUint64(s.Hash[i:], n)
	}
}
