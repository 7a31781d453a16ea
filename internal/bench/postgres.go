package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/sliproad/sliproad/internal/pgtest"
)

// postgres is a cluster of the bench's own, and the servers on its one database.
type postgres struct {
	cluster *pgtest.Cluster
	server  *process
	second  *process // another node
	list    seeded
	pgbench pgbench
}

// pgSettings are what a small server would be given. Besides, everything that makes a commit durable is as delivered.
var pgSettings = []string{"shared_buffers = 256MB", "max_wal_size = 8GB", "wal_init_zero = on", "wal_recycle = on"}

// planPostgres lists the legs on PostgreSQL, as plan does. pgbench's stand beside those that are compared with them.
func (b *bench) planPostgres() []*leg {
	p := &b.pg
	create := func(conns int) *leg {
		return &leg{
			name: "pg-create", title: "(g) POST on PostgreSQL", conns: conns, targets: on(&p.server), profile: conns == 64,
			make: b.loadCreate(&p.server, conns, newCustomers),
		}
	}
	inserts := func(conns int) *leg {
		return &leg{name: "pgbench-create", title: "(h) pgbench, the same inserts", conns: conns, make: p.pgbench.leg(&p.pgbench.create, conns)}
	}
	return []*leg{
		inserts(1), create(1),
		inserts(16), create(16),
		{
			name: "pg-list", title: "(k) list on PostgreSQL, first page of " + rowsName(b.rows/100), conns: 16, targets: on(&p.server),
			make: b.loadList(&p.server, &p.list, false),
		},
		inserts(64), create(64),
		{name: "pg-nodes", title: "(g) POST, two nodes", conns: 64, targets: []**process{&p.server, &p.second}, make: b.loadNodes},
		{name: "pg-known", title: "(g) POST, customer known", conns: 64, targets: on(&p.server), make: b.loadCreate(&p.server, 64, knownCustomers)},
		{name: "pgbench-totals", title: "(h) pgbench, and the exact totals", conns: 64, make: p.pgbench.leg(&p.pgbench.totals, 64)},
		{name: "pgbench-get", title: "(i) pgbench, one select", conns: 64, make: p.pgbench.leg(&p.pgbench.get, 64)},
		{name: "pg-get", title: "(i) GET on PostgreSQL", conns: 64, targets: on(&p.server), profile: true, make: b.loadGet(&p.server, getSession)},
		{
			name: "pg-order", title: "(j) order on PostgreSQL", conns: 64, targets: on(&p.server),
			make: func(ctx context.Context) (work, error) { return b.loadOrder(ctx, p.server, 64, "") },
		},
	}
}

// installed leaves out the legs for which a program is missing, and says what to install.
func installed(legs []*leg) []*leg {
	_, noServer := pgtest.Program("postgres")
	_, noPgbench := pgtest.Program("pgbench")
	var there []*leg
	for _, l := range legs {
		if isPostgres(l) && noServer != nil || isPgbench(l) && noPgbench != nil {
			continue
		}
		there = append(there, l)
	}
	if len(there) < len(legs) {
		fmt.Fprintf(os.Stderr, "bench: without %d rows that need PostgreSQL and its pgbench: %v\n", len(legs)-len(there), cmp.Or(noServer, noPgbench))
	}
	return there
}

func isPostgres(l *leg) bool { return strings.HasPrefix(l.name, "pg") }

func isPgbench(l *leg) bool { return strings.HasPrefix(l.name, "pgbench-") }

// preparePostgres starts the cluster and the servers, if a leg needs them, and makes pgbench's scripts.
func (b *bench) preparePostgres(ctx context.Context, binary string, legs []*leg) error {
	need := map[string]bool{}
	for _, l := range legs {
		need["any"] = need["any"] || isPostgres(l)
		need["pgbench"] = need["pgbench"] || isPgbench(l)
		need[l.name] = true
	}
	if !need["any"] {
		return nil
	}
	if err := os.Chmod(b.dir, 0o711); err != nil { // root's PostgreSQL runs as another user, who passes through
		return err
	}
	p := &b.pg
	var err error
	if p.cluster, err = pgtest.Open(b.dir, pgtest.Options{Fsync: true, Settings: pgSettings}); err != nil {
		return err
	}
	db, err := newDatabase(ctx, binary, p.cluster.URL(""))
	if err != nil {
		return err
	}
	if err := b.servePostgres(ctx, db, need["pg-nodes"]); err != nil {
		return err
	}
	if need["pgbench"] {
		if err := b.preparePgbench(ctx, db); err != nil {
			return fmt.Errorf("pgbench: %w", err)
		}
	}
	if need["pg-list"] {
		p.list.rows = b.rows / 100
		if p.list.project, err = db.createProject(ctx, "list"); err != nil {
			return err
		}
		return seed(ctx, db.url, &p.list)
	}
	return nil
}

func (b *bench) servePostgres(ctx context.Context, db *database, two bool) error {
	keys, err := db.createProject(ctx, "bench")
	if err != nil {
		return err
	}
	nodes := []**process{&b.pg.server}
	if two {
		nodes = append(nodes, &b.pg.second)
	}
	for _, node := range nodes {
		if *node, err = db.serve(b.cpuprofile != ""); err != nil {
			return err
		}
		(*node).project = keys
	}
	return nil
}

// loadNodes is that of create, half of it on each of two nodes.
func (b *bench) loadNodes(context.Context) (work, error) {
	p := b.pg.server
	return load{addr: p.addr, other: b.pg.second.addr, conns: 64, want: 201, source: b.creates(p.project.SecretKey, newCustomers)}, nil
}
