package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sliproad/sliproad/internal/pgtest"
)

// insert is a row that the server writes for a session, with the columns in the catalog's order.
type insert struct {
	table   string
	columns []column
}

// column is one value as the server wrote it. own: it is another one for each session.
type column struct {
	name, kind, value string
	own               bool
	offset            int64 // of an own number, in microseconds from the row's earliest time
}

// stamp is how many digits the number of a session has, which stands in its ids: it is its time in microseconds.
const stamp = 16

// notInserted are the tables of which a commit writes a row, however many sessions it has.
var notInserted = []string{"counts", "writers"}

// learn lets the server create two sessions and returns what it inserted for the second. What differs between the two is
// what each session has of its own.
func learn(ctx context.Context, c *pgtest.Cluster, create func() error) ([]insert, error) {
	var seen [3]map[string][][]string
	for i := range seen {
		if i > 0 {
			if err := create(); err != nil {
				return nil, err
			}
		}
		var err error
		if seen[i], err = contents(ctx, c); err != nil {
			return nil, err
		}
	}
	var inserts []insert
	for table, rows := range seen[2] {
		before, one := len(seen[0][table]), seen[1][table]
		if len(rows) == before || slices.Contains(notInserted, table) {
			continue
		}
		if before != 0 || len(one) != 1 || len(rows) != 2 {
			return nil, fmt.Errorf("of the table %s, creating two sessions made %d rows %d and then %d, want 0, 1 and 2", table, before, len(one), len(rows))
		}
		other := rows[1]
		if slices.Equal(other, one[0]) {
			other = rows[0]
		}
		i, err := compare(ctx, c, table, one[0], other)
		if err != nil {
			return nil, err
		}
		inserts = append(inserts, i)
	}
	slices.SortFunc(inserts, func(x, y insert) int { return strings.Compare(x.table, y.table) })
	return inserts, nil
}

// contents are the rows of all tables, as text.
func contents(ctx context.Context, c *pgtest.Cluster) (map[string][][]string, error) {
	tables, err := c.SQL(ctx, `select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`)
	if err != nil {
		return nil, err
	}
	all := map[string][][]string{}
	for _, t := range tables {
		if all[t[0]], err = c.SQL(ctx, "select * from "+t[0]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func compare(ctx context.Context, c *pgtest.Cluster, table string, one, other []string) (insert, error) {
	columns, err := c.SQL(ctx, `select column_name, data_type from information_schema.columns
		where table_schema = 'public' and table_name = '`+table+`' order by ordinal_position`)
	if err != nil {
		return insert{}, err
	}
	i := insert{table: table}
	earliest := int64(0)
	for n, name := range columns {
		col := column{name: name[0], kind: name[1], value: other[n], own: one[n] != other[n]}
		switch {
		case col.kind == "bytea":
			col.own = false // the body, of which only the size matters
			raw, err := hex.DecodeString(strings.TrimPrefix(col.value, `\x`))
			if err != nil {
				return insert{}, err
			}
			col.value = strings.ReplaceAll(string(raw), `\`, `\\`)
		case col.kind == "smallint":
			col.own = false
		case col.own && col.kind == "bigint":
			if col.offset, err = strconv.ParseInt(col.value, 10, 64); err != nil {
				return insert{}, err
			}
			if earliest == 0 || col.offset < earliest {
				earliest = col.offset
			}
		case col.own && len(col.value) < stamp:
			return insert{}, fmt.Errorf("%s.%s has %q, want room for %d digits", table, col.name, col.value, stamp)
		}
		i.columns = append(i.columns, col)
	}
	for n := range i.columns {
		if i.columns[n].offset != 0 {
			i.columns[n].offset -= earliest
		}
	}
	return i, nil
}

// value is what the server wrote into the column; empty where there is none.
func (i insert) value(name string) string {
	for _, c := range i.columns {
		if c.name == name {
			return c.value
		}
	}
	return ""
}

func (i insert) variable(c column) string { return i.table + "_" + c.name }

// around are the parts of an own text before and behind the session's number.
func (c column) around() (head, tail string) {
	at := strings.LastIndexByte(c.value, '_') + 1 // behind the prefix of an id
	if at+stamp > len(c.value) {
		at = 0
	}
	return c.value[:at], c.value[at+stamp:]
}

// variables are the values as pgbench takes them, empty ones left out: it refuses them. An own text has two, around the
// number.
func (i insert) variables() []string {
	var all []string
	add := func(name, value string) {
		if value != "" {
			all = append(all, name+"="+value)
		}
	}
	for _, c := range i.columns {
		name := i.variable(c)
		switch {
		case c.own && c.kind == "text":
			head, tail := c.around()
			add(name+"_head", head)
			add(name+"_tail", tail)
		case !c.own:
			add(name, c.value)
		}
	}
	return all
}

// expression is the value in a statement, for the session with the number t.
func (i insert) expression(c column) string {
	name := i.variable(c)
	switch {
	case c.own && c.kind == "text":
		head, tail := c.around()
		parts := []string{":t::text"}
		if head != "" {
			parts = slices.Insert(parts, 0, ":"+name+"_head::text")
		}
		if tail != "" {
			parts = append(parts, ":"+name+"_tail::text")
		}
		return strings.Join(parts, " || ")
	case !c.own && c.value == "":
		return "''"
	}
	return ":" + name
}

// createScript is one transaction with the inserts, and with what else is given. Numbers rise over all clients, as the
// server's ids and times do.
func createScript(inserts []insert, more []string) string {
	var b strings.Builder
	b.WriteString("\\set n :n + 1\n\\set t :base + :n * :conns + :client_id\n")
	var statements []string
	for _, i := range inserts {
		var names, values []string
		for _, c := range i.columns {
			names = append(names, c.name)
			values = append(values, i.expression(c))
			if c.own && c.kind == "bigint" {
				fmt.Fprintf(&b, "\\set %s :t + %d\n", i.variable(c), c.offset)
			}
		}
		statements = append(statements, "insert into "+i.table+" ("+strings.Join(names, ", ")+") values ("+strings.Join(values, ", ")+")")
	}
	for _, s := range slices.Concat([]string{"begin"}, statements, more, []string{"commit"}) {
		b.WriteString(s + ";\n")
	}
	return b.String()
}

// totals are statements that keep the project's exact totals in one row for each, as the server would with a commit for
// each session.
func totals(ctx context.Context, c *pgtest.Cluster, project string) ([]string, error) {
	cells, err := c.SQL(ctx, "select distinct project_id, resource, facet, status from counts where project_id = '"+project+"' order by 1, 2, 3, 4")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, cell := range cells {
		all = append(all, "insert into counts (project_id, resource, facet, status, slot, n) values ('"+strings.Join(cell, "', '")+`', 0, 1)
			on conflict (project_id, resource, facet, status, slot) do update set n = counts.n + excluded.n`)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the project %s has no totals", project)
	}
	return all, nil
}

// selectOne selects a session by its primary key, all columns of it, without the statement's end.
func selectOne(inserts []insert) (string, error) {
	for _, i := range inserts {
		if i.table != "sessions" {
			continue
		}
		var names, key []string
		for _, c := range i.columns {
			names = append(names, c.name)
			if c.name == "project_id" || c.name == "id" {
				key = append(key, c.name+" = "+i.expression(c))
			}
		}
		return "\\set t random(:first, :last)\nselect " + strings.Join(names, ", ") + " from sessions where " + strings.Join(key, " and "), nil
	}
	return "", errors.New("creating a session wrote no row of sessions")
}
