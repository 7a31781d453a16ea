package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

// work is what a leg does: a load on a server, or pgbench.
type work interface {
	run(ctx context.Context, w window) (result, error)
}

// leg is one row of the table.
type leg struct {
	name    string // echo, create, …
	title   string
	conns   int
	make    func(ctx context.Context) (work, error) // prepares, unmeasured, what the leg does
	targets []**process                             // the nodes of the server; none: pgbench
	profile bool                                    // is profiled, where profiles are wanted
	samples []sample
}

func (l *leg) id() string { return l.name + "@" + strconv.Itoa(l.conns) }

// sample is one run of a leg.
type sample struct {
	result
	memory    usage
	server    float64 // cores in use
	generator float64
	others    float64
	cost      float64 // microseconds of the server's CPU for a request
}

// bench is everything that runs.
type bench struct {
	options
	dir       string
	echo      *process
	server    *process // commits in groups, as delivered
	naive     *process // a commit for each request
	lists     *process
	routed    *process     // with accounts at gateways
	prices    *http.Server // of these gateways
	large     seeded
	small     seeded
	pg        postgres
	customers atomic.Int64
	sessions  map[*process][]created // that exist
}

func on(target **process) []**process { return []**process{target} }

// plan lists the legs in the order of a round: those to be compared stand together.
func (b *bench) plan() []*leg {
	echo := func(conns int) *leg {
		return &leg{name: "echo", title: "(a) bare echo", conns: conns, targets: on(&b.echo), make: b.loadEcho(conns)}
	}
	create := func(conns int) *leg {
		return &leg{name: "create", title: "(b) POST /v1/sessions", conns: conns, targets: on(&b.server), profile: conns == 64, make: b.loadCreate(&b.server, conns, newCustomers)}
	}
	naive := func(conns int) *leg {
		return &leg{name: "naive", title: "(c) the same, a commit each", conns: conns, targets: on(&b.naive), make: b.loadCreate(&b.naive, conns, newCustomers)}
	}
	list := func(name, title string, project *seeded, deep bool) *leg {
		return &leg{name: name, title: title, conns: 16, targets: on(&b.lists), profile: project == &b.large, make: b.loadList(&b.lists, project, deep)}
	}
	few, many := rowsName(b.rows/100), rowsName(b.rows)
	all := []*leg{
		echo(1), create(1), naive(1),
		echo(16), create(16),
		list("list-first-small", "(f) list, first page of "+few, &b.small, false),
		list("list-first-large", "(f) list, first page of "+many, &b.large, false),
		list("list-deep-small", "(f) list, deep cursor in "+few, &b.small, true),
		list("list-deep-large", "(f) list, deep cursor in "+many, &b.large, true),
		echo(64), create(64), naive(64),
		{name: "known", title: "(b) POST, customer known", conns: 64, targets: on(&b.server), make: b.loadCreate(&b.server, 64, knownCustomers)},
		{name: "get", title: "(d) GET /v1/sessions/{id}", conns: 64, targets: on(&b.server), profile: true, make: b.loadGet(&b.server, getSession)},
		{name: "shell", title: "(l) hosted checkout, the page", conns: 64, targets: on(&b.server), profile: true, make: b.loadGet(&b.server, getPage)},
		{name: "checkout", title: "(l) hosted checkout, its session", conns: 64, targets: on(&b.server), make: b.loadGet(&b.server, getCheckout)},
		{name: "order", title: "(e) POST …/{id}/order", conns: 64, targets: on(&b.server), profile: true, make: func(ctx context.Context) (work, error) { return b.loadOrder(ctx, b.server, 64, "") }},
		{name: "order-named", title: "(m) order, which names its gateway", conns: 16, targets: on(&b.routed), make: func(ctx context.Context) (work, error) {
			return b.loadOrder(ctx, b.routed, 16, `,"gateway":"sandbox"`)
		}},
		{name: "order-routed", title: "(m) order, routed among three", conns: 16, targets: on(&b.routed), profile: true, make: func(ctx context.Context) (work, error) {
			return b.loadOrder(ctx, b.routed, 16, `,"gateway":"auto"`)
		}},
		echo(256), create(256),
	}
	var legs []*leg
	for _, l := range append(all, b.planPostgres()...) {
		if b.legs.MatchString(l.id()) {
			legs = append(legs, l)
		}
	}
	return installed(legs)
}

func rowsName(n int) string {
	switch {
	case n%1_000_000 == 0:
		return strconv.Itoa(n/1_000_000) + " M"
	case n%1000 == 0:
		return strconv.Itoa(n/1000) + " k"
	}
	return strconv.Itoa(n)
}

// prepare starts the processes that the legs need.
func (b *bench) prepare(ctx context.Context, legs []*leg) error {
	need := map[**process]bool{}
	for _, l := range legs {
		for _, t := range l.targets {
			need[t] = true
		}
	}
	binary, err := build(ctx, b.dir)
	if err != nil {
		return err
	}
	if need[&b.echo] {
		if b.echo, err = startEcho(); err != nil {
			return err
		}
	}
	if need[&b.server] {
		if b.server, err = b.serve(ctx, binary, "grouped.db"); err != nil {
			return err
		}
	}
	if need[&b.naive] {
		if b.naive, err = b.serve(ctx, binary, "naive.db", "SLIPROAD_COMMIT_BATCH=1"); err != nil {
			return err
		}
	}
	if need[&b.lists] {
		if err := b.prepareLists(ctx, binary); err != nil {
			return err
		}
	}
	if need[&b.routed] {
		if err := b.prepareRoutes(ctx, binary); err != nil {
			return err
		}
	}
	return b.preparePostgres(ctx, binary, legs)
}

func (b *bench) serve(ctx context.Context, binary, name string, env ...string) (*process, error) {
	db, err := newDatabase(ctx, binary, "sqlite:"+filepath.Join(b.dir, name))
	if err != nil {
		return nil, err
	}
	keys, err := db.createProject(ctx, "bench")
	if err != nil {
		return nil, err
	}
	p, err := db.serve(b.cpuprofile != "", env...)
	if err == nil {
		p.project = keys
	}
	return p, err
}

func (b *bench) stop() error {
	var errs []error
	for _, p := range []*process{b.echo, b.server, b.naive, b.lists, b.routed, b.pg.server, b.pg.second} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	if b.prices != nil {
		errs = append(errs, b.prices.Close())
	}
	if b.pg.cluster != nil {
		errs = append(errs, b.pg.cluster.Close())
	}
	return errors.Join(errs...)
}

// measure runs a leg once.
func (b *bench) measure(ctx context.Context, l *leg) error {
	work, err := l.make(ctx)
	if err != nil {
		return err
	}
	self := os.Getpid()
	for _, t := range l.targets {
		forgetPeak((*t).cmd.Process.Pid)
	}
	began, before, mine, all := time.Now(), usageOf(l.targets), readUsage(self), busy()
	r, err := work.run(ctx, b.window())
	if err != nil {
		return err
	}
	took, after := time.Since(began).Seconds(), usageOf(l.targets)
	s := sample{
		result: r, memory: after, server: (after.cpu - before.cpu).Seconds() / took,
		generator: (readUsage(self).cpu - mine.cpu + r.cpu).Seconds() / took,
	}
	s.cost = 1e6 * s.server / r.rate
	s.others = max(0, (busy()-all).Seconds()/took-s.server-s.generator)
	l.samples = append(l.samples, s)
	return nil
}

// request makes the bytes of a request. Echo and server get the same headers.
func request(method, path, key, body string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 203.0.113.42\r\nAuthorization: Bearer %s\r\n", method, path, key)
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	return b.Bytes()
}

const (
	customerMark = "000000000000" // is overwritten with the customer's number
	createBody   = `{"externalCustomerId":"customer-` + customerMark + `","sourceAmount":"100.00","sourceCurrency":"USD","destinationCurrency":"ETH",` +
		`"network":"ethereum","destinationAddress":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","redirectUrl":"https://shop.example.com/thanks",` +
		`"country":"US","metadata":{"cart":"7812","tier":"gold"}}`

	newCustomers   = 1 << 40 // every request brings a customer never seen
	knownCustomers = 1000
)

// creates makes the requests of one connection, each of another of so many customers.
func (b *bench) creates(key string, among int64) func(int) func() []byte {
	return func(int) func() []byte {
		r := request("POST", "/v1/sessions", key, createBody)
		at := bytes.Index(r, []byte(customerMark))
		digits := r[at : at+len(customerMark)]
		return func() []byte {
			n := b.customers.Add(1) % among
			for i := len(digits) - 1; i >= 0; i-- {
				digits[i] = byte('0' + n%10)
				n /= 10
			}
			return r
		}
	}
}

func (b *bench) loadEcho(conns int) func(context.Context) (work, error) {
	return func(context.Context) (work, error) {
		return load{addr: b.echo.addr, conns: conns, want: 201, source: b.creates("sk_test_6pcf0hy4rfk9ebwpbvge8g5h47q0fx7vqxsm4w83", newCustomers)}, nil
	}
}

func (b *bench) loadCreate(target **process, conns int, among int64) func(context.Context) (work, error) {
	return func(context.Context) (work, error) {
		p := *target
		return load{addr: p.addr, conns: conns, want: 201, source: b.creates(p.project.SecretKey, among)}, nil
	}
}

// created is a session that a leg may use.
type created struct{ id, secret []byte }

// createMany creates sessions for so long and returns them.
func (b *bench) createMany(ctx context.Context, p *process, w window) ([]created, error) {
	const conns = 64
	parts := make([][]created, conns)
	l := load{addr: p.addr, conns: conns, want: 201, source: b.creates(p.project.SecretKey, newCustomers)}
	l.seen = func(conn int, body []byte) {
		parts[conn] = append(parts[conn], created{member(body, `"id":"`), member(body, `"clientSecret":"`)})
	}
	if _, err := l.run(ctx, w); err != nil {
		return nil, err
	}
	var all []created
	for _, p := range parts {
		all = append(all, p...)
	}
	for _, c := range all {
		if len(c.id) != len(all[0].id) || len(c.secret) != len(all[0].secret) || len(c.id) == 0 || len(c.secret) == 0 {
			return nil, fmt.Errorf("unexpected id or secret: %q %q", c.id, c.secret)
		}
	}
	return all, nil
}

// member copies the text of a JSON member that has no escapes in it; nil: there is none.
func member(body []byte, name string) []byte {
	_, rest, found := bytes.Cut(body, []byte(name))
	value, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed {
		return nil
	}
	return bytes.Clone(value)
}

// loadGet asks about sessions that exist, each in its turn.
func (b *bench) loadGet(target **process, ask func(p *process, c created) []byte) func(context.Context) (work, error) {
	return func(ctx context.Context) (work, error) {
		p := *target
		if b.sessions[p] == nil {
			all, err := b.createMany(ctx, p, window{measure: 500 * time.Millisecond})
			if err != nil {
				return nil, err
			}
			if b.sessions == nil {
				b.sessions = map[*process][]created{}
			}
			b.sessions[p] = all
		}
		var requests [][]byte
		for _, c := range b.sessions[p] {
			requests = append(requests, ask(p, c))
		}
		return load{addr: p.addr, conns: 64, want: 200, source: func(conn int) func() []byte {
			i := conn * len(requests) / 64
			return func() []byte {
				i = (i + 1) % len(requests)
				return requests[i]
			}
		}}, nil
	}
}

func getSession(p *process, c created) []byte {
	return request("GET", "/v1/sessions/"+string(c.id), p.project.SecretKey, "")
}

// getPage and getCheckout are the two requests by which a payer's page comes to show its session; the rest is cached.
func getPage(p *process, c created) []byte {
	return request("GET", "/checkout/"+string(c.id)+"/"+p.project.ProjectID, "", "")
}

func getCheckout(p *process, c created) []byte {
	return request("GET", "/public/v1/checkouts/"+string(c.id)+"?projectId="+p.project.ProjectID, string(c.secret), "")
}

// loadOrder first creates sessions for as long as the leg runs. An order is two writes where a session is one, so they
// suffice; should they not, the leg ends early, and its rate is over the time it took. More is added to the
// body.
func (b *bench) loadOrder(ctx context.Context, p *process, conns int, more string) (work, error) {
	w := b.window()
	all, err := b.createMany(ctx, p, window{measure: w.warm + w.measure})
	if err != nil {
		return nil, err
	}
	var next atomic.Int64
	first := all[0]
	template := request("POST", "/v1/sessions/"+string(first.id)+"/order", p.project.PublicKey,
		`{"clientSecret":"`+string(first.secret)+`","fiatAmount":"100.00","fiatCurrency":"USD","cryptoCurrency":"ETH","network":"ethereum",`+
			`"walletAddress":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","email":"payer@example.com"`+more+`}`)
	idAt, secretAt := bytes.Index(template, first.id), bytes.Index(template, first.secret)
	return load{addr: p.addr, conns: conns, want: 201, source: func(int) func() []byte {
		r := bytes.Clone(template)
		return func() []byte {
			i := next.Add(1) - 1
			if i >= int64(len(all)) {
				return nil
			}
			copy(r[idAt:], all[i].id)
			copy(r[secretAt:], all[i].secret)
			return r
		}
	}}, nil
}
