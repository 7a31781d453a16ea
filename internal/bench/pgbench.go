package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/pgtest"
)

// pgbench is PostgreSQL's own load generator: a client in C that does the work of the server's database, and no other.
type pgbench struct {
	path      string
	url       string
	dir       string
	variables []string // the rows' values, sent as parameters like those of any application
	create    string   // paths of scripts
	totals    string
	get       string
	first     int64 // the numbers of the sessions that get selects
	last      int64
}

// pgbenchLeg is one script at so many connections.
type pgbenchLeg struct {
	*pgbench
	script string
	conns  int
}

func (g *pgbench) leg(script *string, conns int) func(context.Context) (work, error) {
	return func(context.Context) (work, error) { return pgbenchLeg{g, *script, conns}, nil }
}

// run runs the script for the window.
func (l pgbenchLeg) run(ctx context.Context, w window) (result, error) {
	if w.warm > 0 {
		if _, err := l.exec(ctx, forAbout(w.warm)...); err != nil {
			return result{}, err
		}
	}
	log := filepath.Join(l.dir, "pgbench-log")
	r, err := l.exec(ctx, append(forAbout(w.measure), "--log", "--log-prefix="+log, "--sampling-rate=0.1")...)
	if err != nil {
		return result{}, err
	}
	took, err := takeLatencies(log)
	if err != nil || len(took) == 0 {
		return r, err
	}
	at := func(percent int) time.Duration {
		return time.Duration(took[(len(took)-1)*percent/100]) * time.Microsecond
	}
	r.p50, r.p99 = at(50), at(99)
	return r, nil
}

// forAbout is how long pgbench runs, which it knows in whole seconds only; for less it is given a few transactions each.
func forAbout(d time.Duration) []string {
	if d < time.Second/2 {
		return []string{"-t", "5"}
	}
	return []string{"-T", strconv.Itoa(int(math.Round(d.Seconds())))}
}

// exec runs pgbench once. Transactions are numbered from the clock, so that none of two runs have a number in common.
func (l pgbenchLeg) exec(ctx context.Context, args ...string) (result, error) {
	args = append([]string{
		"-n", "-M", "prepared", "-f", l.script, "-c", strconv.Itoa(l.conns), "-j", strconv.Itoa(min(2, l.conns)),
		"-D", "n=0", "-D", "conns=" + strconv.Itoa(l.conns), "-D", "base=" + strconv.FormatInt(time.Now().UnixMicro(), 10),
		"-D", "first=" + strconv.FormatInt(l.first, 10), "-D", "last=" + strconv.FormatInt(l.last, 10),
	}, args...)
	for _, v := range l.variables {
		args = append(args, "-D", v)
	}
	cmd := exec.CommandContext(ctx, l.path, append(args, l.url)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("pgbench %s: %w\n%.2000s", filepath.Base(l.script), err, stderr.Bytes())
	}
	var rate float64
	for line := range strings.Lines(string(out)) { // the last such line is the one without the time to connect
		if rest, ok := strings.CutPrefix(line, "tps = "); ok {
			digits, _, _ := strings.Cut(rest, " ")
			rate, err = strconv.ParseFloat(digits, 64)
		}
	}
	if err != nil || rate <= 0 {
		return result{}, fmt.Errorf("pgbench did not say its rate: %w\n%s", err, out)
	}
	return result{rate: rate, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// takeLatencies reads and removes the logs of one run: microseconds in the third column, sorted.
func takeLatencies(prefix string) ([]int64, error) {
	files, err := filepath.Glob(prefix + ".*")
	if err != nil {
		return nil, err
	}
	var took []int64
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 3 {
				return nil, fmt.Errorf("pgbench's log has the line %q", line)
			}
			n, err := strconv.ParseInt(fields[2], 10, 64)
			if err != nil {
				return nil, err
			}
			took = append(took, n)
		}
		if err := os.Remove(file); err != nil {
			return nil, err
		}
	}
	slices.Sort(took)
	return took, nil
}

// preparePgbench learns from the server what creating a session writes, and makes the scripts from it. It must run before
// anything else is asked of the server.
func (b *bench) preparePgbench(ctx context.Context, db *database) error {
	path, err := pgtest.Program("pgbench")
	if err != nil {
		return err
	}
	keys, err := db.createProject(ctx, "pgbench")
	if err != nil {
		return err
	}
	as := &process{addr: b.pg.server.addr, project: keys}
	next := b.creates(keys.SecretKey, newCustomers)(0)
	inserts, err := learn(ctx, b.pg.cluster, func() error {
		_, body, _ := bytes.Cut(next(), headEnd)
		return call(ctx, as, http.MethodPost, "/v1/sessions", string(body), nil)
	})
	if err != nil {
		return err
	}
	g := &b.pg.pgbench
	g.path, g.url, g.dir = path, b.pg.cluster.URL(""), b.dir
	for _, i := range inserts {
		g.variables = append(g.variables, i.variables()...)
	}
	cells, err := totals(ctx, b.pg.cluster, keys.ProjectID)
	if err != nil {
		return err
	}
	one, err := selectOne(inserts)
	if err != nil {
		return err
	}
	var found string // is get, and fails where there is no row
	for _, script := range []struct {
		name, text string
		path       *string
	}{
		{"create", createScript(inserts, nil), &g.create},
		{"totals", createScript(inserts, cells), &g.totals},
		{"get", one + ";\n", &g.get},
		{"found", one + " \\gset\n", &found},
	} {
		*script.path = filepath.Join(b.dir, "pgbench-"+script.name+".sql")
		if err := os.WriteFile(*script.path, []byte(script.text), 0o600); err != nil {
			return err
		}
	}
	if err := g.fill(ctx, b.pg.cluster, inserts, keys.ProjectID); err != nil {
		return err
	}
	_, err = pgbenchLeg{g, found, 1}.exec(ctx, "-t", "100")
	return err
}

// perClient is how many sessions each of 64 clients creates for get to go round.
const perClient = 100

// fill creates the sessions that get selects, and holds all rows to those of the server that they are made from: for each
// table one a session, and as long.
func (g *pgbench) fill(ctx context.Context, c *pgtest.Cluster, inserts []insert, project string) error {
	if _, err := (pgbenchLeg{g, g.create, 64}).exec(ctx, "-t", strconv.Itoa(perClient)); err != nil {
		return err
	}
	for _, i := range inserts {
		rows, err := c.SQL(ctx, fmt.Sprintf(`select count(*) from %[1]s t where project_id = '%[2]s' and pg_column_size(t) =
			(select pg_column_size(s) from %[1]s s where project_id = '%[2]s' and id = '%[3]s')`, i.table, project, i.value("id")))
		if err != nil {
			return err
		}
		if n, err := strconv.Atoi(rows[0][0]); err != nil || n <= 64*perClient {
			return fmt.Errorf("of the rows in %s only %s are as long as the server's, want %d", i.table, rows[0][0], 64*perClient+1)
		}
	}
	rows, err := c.SQL(ctx, fmt.Sprintf(`select min(created_at), max(created_at) from (
		select created_at from sessions where project_id = '%s' order by created_at desc limit %d) s`, project, 64*perClient))
	if err != nil {
		return err
	}
	if g.first, err = strconv.ParseInt(rows[0][0], 10, 64); err == nil {
		g.last, err = strconv.ParseInt(rows[0][1], 10, 64)
	}
	if err == nil && g.last-g.first != 64*perClient-1 {
		err = errors.New("the numbers of the sessions have gaps")
	}
	return err
}
