package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// How long PostgreSQL is waited for. Together they stay below what a client waits for an answer.
const (
	pgConnectTimeout = 3 * time.Second // for one host of the URL
	pgTripTimeout    = 5 * time.Second // for one round trip, a commit on a synchronous standby included
	pgPatience       = 8 * time.Second // within which a transaction that met a failover is tried again
	pgReadTimeout    = 20 * time.Second
	pgBeat           = time.Second      // between commits that find out whether the server is the primary still
	pgSuspicion      = 10 * time.Second // for which a host that let a commit hang is not asked
)

// pgLimits bound what a node that hangs can keep others from: the server ends a transaction whose client is silent, and
// a wait for a row.
var pgLimits = map[string]string{"lock_timeout": "3s", "idle_in_transaction_session_timeout": "10s"}

// pgSetLimits sets them for one transaction, where a pooler hands out a connection for no longer.
const pgSetLimits = "select set_config('lock_timeout', '3s', true), set_config('idle_in_transaction_session_timeout', '10s', true)"

// pgEngine is PostgreSQL, or an engine that speaks its protocol. Few connections carry many callers: writers put the
// transactions of many into one commit, readers put many reads into one round trip.
type pgEngine struct {
	*counters
	pool     *pgxpool.Pool
	config   *pgx.ConnConfig
	opts     Options
	prepared bool        // statements stay prepared on each connection; pgbouncer can't
	sharded  atomic.Bool // a transaction should stay within one project
	hosts    pgHosts
	presence presence

	lane    chan struct{} // holds the one transaction that has met others in its way and is tried again
	writes  chan *pgCall
	reads   chan *pgRead
	closing sync.RWMutex // held for reading while work is handed over
	closed  bool
	stop    chan struct{} // closed along
	workers sync.WaitGroup
}

func openPostgres(setting string, opts Options, c *counters) (*pgEngine, error) {
	config, err := pgxpool.ParseConfig(setting)
	if err != nil {
		return nil, errors.New("database: the URL is not one of PostgreSQL") // the driver's own words may hold the password
	}
	cores := runtime.GOMAXPROCS(0)
	writers, readers := max(4, cores), max(2, cores)
	switch {
	case strings.Contains(setting, "pool_max_conns="):
	case opts.ReadConns > 0:
		config.MaxConns = int32(max(3, opts.ReadConns))
	default:
		config.MaxConns = int32(writers + readers + 2*cores + 4)
	}
	writers = min(writers, max(1, int(config.MaxConns)/3))
	readers = min(readers, max(1, int(config.MaxConns)/4))
	if config.MinConns == 0 && opts.ReadConns == 0 {
		config.MinConns = int32(min(writers+readers, int(config.MaxConns)))
	}
	e := &pgEngine{
		counters: c, config: config.ConnConfig, opts: opts, stop: make(chan struct{}), lane: make(chan struct{}, 1),
		writes: make(chan *pgCall, opts.MaxBatch), reads: make(chan *pgRead, maxReads),
	}
	e.prepared = config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
	e.configure(config.ConnConfig)
	config.PrepareConn = func(_ context.Context, conn *pgx.Conn) (bool, error) { return e.hosts.trusts(conn.PgConn()), nil }
	if e.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	e.startWriters(writers)
	for range readers {
		e.workers.Go(e.readMany)
	}
	if e.hosts.several {
		e.workers.Go(e.beat)
	}
	return e, nil
}

// beat commits again and again. A node that only reads would never notice that another server has been promoted, and
// would read from the old one for as long as that lives.
func (e *pgEngine) beat() {
	tick := time.NewTicker(pgBeat)
	defer tick.Stop()
	for {
		select {
		case <-e.stop:
			return
		case <-tick.C:
		}
		_ = e.tx(context.Background(), false, func(tx *Tx) error { // what comes of it, pgHosts remembers
			tx.confirm = true
			return nil
		})
	}
}

// configure sets what the URL leaves open.
func (e *pgEngine) configure(c *pgx.ConnConfig) {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = pgConnectTimeout
	}
	if _, ok := c.RuntimeParams["application_name"]; !ok && e.prepared { // a pooler may refuse what it doesn't know
		c.RuntimeParams["application_name"] = "sliproad"
	}
	if e.prepared {
		for name, value := range pgLimits {
			if _, ok := c.RuntimeParams[name]; !ok {
				c.RuntimeParams[name] = value
			}
		}
	}
	several := false
	for _, f := range c.Fallbacks {
		several = several || f.Host != c.Host || f.Port != c.Port
	}
	e.hosts.several = several
	check := c.ValidateConnect
	if check == nil && several {
		check = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if check != nil {
			if err := check(ctx, conn); err != nil {
				return err
			}
		}
		return e.meet(ctx, conn)
	}
	c.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			conn.CustomData()[pgWarned] = true
		}
	}
}

// Keys of what is kept with a connection.
const (
	pgWarned     = "warned"     // the server has warned, as when a commit was not replicated
	pgTimeline   = "timeline"   // of the server's history, when the connection was made
	pgMet        = "met"        // its number among the connections
	pgStatements = "statements" // prepared ones
)

// meet learns from a new connection what it leads to, and refuses a server that is not to be used.
func (e *pgEngine) meet(ctx context.Context, conn *pgconn.PgConn) error {
	sharded, err := pgAsk(ctx, conn, `select (version() like '%CockroachDB%' or version() like '%-YB-%'
		or exists (select 1 from pg_catalog.pg_extension where extname = 'citus'))::text`)
	if err != nil {
		return err
	}
	if sharded == "true" && e.sharded.CompareAndSwap(false, true) {
		e.startWriters(moreWriters)
	}
	if !e.hosts.several {
		return nil
	}
	timeline, err := pgAsk(ctx, conn, `select case when pg_is_in_recovery() then '' else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end`)
	var pgErr *pgconn.PgError
	if err != nil && !errors.As(err, &pgErr) {
		return err
	} // an engine of another make has no timelines
	conn.CustomData()[pgTimeline] = timeline
	return e.hosts.meet(conn, timeline)
}

func pgAsk(ctx context.Context, conn *pgconn.PgConn, query string) (string, error) {
	results, err := conn.Exec(ctx, query).ReadAll()
	if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
		return "", err
	}
	return string(results[0].Rows[0][0]), nil
}

// pgHosts remembers which of several servers is not to be used: an old primary that lives on after another has been
// promoted. It can't commit, if it is replicated synchronously, but it answers reads and lets commits hang.
type pgHosts struct {
	several bool

	mu        sync.Mutex
	newest    string         // the highest timeline met, eight hexadecimal digits; each promotion begins a new one
	met       int            // connections
	suspected map[string]int // the hosts that let a commit hang, and how many connections had been met then
	shunned   map[string]int // how many suspicions of the host are fresh
}

var errOldPrimary = errors.New("store: the server is an old primary; another has been promoted since")

// meet notes a new connection, and refuses one that is not to be used.
func (h *pgHosts) meet(conn *pgconn.PgConn, timeline string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if timeline != "" && timeline < h.newest {
		return errOldPrimary
	}
	h.newest = max(h.newest, timeline)
	if h.shunned[hostOf(conn)] > 0 {
		return fmt.Errorf("store: %s let a commit hang a moment ago", hostOf(conn))
	}
	h.met++
	conn.CustomData()[pgMet] = h.met
	return nil
}

// trusts tells whether a connection made earlier may still be used.
func (h *pgHosts) trusts(conn *pgconn.PgConn) bool {
	if !h.several {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if timeline, _ := conn.CustomData()[pgTimeline].(string); timeline != "" && timeline < h.newest {
		return false
	}
	met, _ := conn.CustomData()[pgMet].(int)
	return met > h.suspected[hostOf(conn)]
}

// suspect notes that the connection's server let a commit hang. For a while no new connection is made to it.
func (h *pgHosts) suspect(conn *pgconn.PgConn) {
	if !h.several {
		return
	}
	host := hostOf(conn)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.suspected == nil {
		h.suspected, h.shunned = map[string]int{}, map[string]int{}
	}
	h.suspected[host] = h.met
	h.shunned[host]++
	time.AfterFunc(pgSuspicion, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.shunned[host]--
	})
}

func hostOf(conn *pgconn.PgConn) string { return conn.Conn().RemoteAddr().String() }

func (e *pgEngine) migrator() (*sql.DB, goose.Dialect, error) {
	return stdlib.OpenDB(*e.config.Copy()), goose.DialectPostgres, nil
}

// close waits for work under way.
func (e *pgEngine) close() error {
	e.closing.Lock()
	if !e.closed {
		e.closed = true
		close(e.stop)
		close(e.writes)
		close(e.reads)
	}
	e.closing.Unlock()
	e.workers.Wait()
	e.pool.Close()
	return nil
}

func (e *pgEngine) startWriters(n int) {
	for range n {
		w := newPgWriter(e)
		e.workers.Go(w.run)
	}
}

// handPg gives the work to whoever takes from the queue.
func handPg[T any](ctx context.Context, e *pgEngine, queue chan<- T, work T) error {
	e.closing.RLock()
	defer e.closing.RUnlock()
	if e.closed {
		return errClosed
	}
	select {
	case queue <- work:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// acquire takes a connection from the pool.
func (e *pgEngine) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, pgTripTimeout)
	defer cancel()
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			e.presence.missed()
		}
		return nil, lostError{err}
	}
	return conn, nil
}

// presence remembers whether the server has been away for so long that nobody need wait for it any more.
type presence struct {
	mu      sync.Mutex
	timer   *time.Timer // runs since the server was missed first; nil: it is there
	missing atomic.Bool // there is a timer
	away    atomic.Bool
}

// pgAwayPatience is how long a call waits for a server that has been away for longer than pgPatience.
const pgAwayPatience = time.Second

func (p *presence) patience() time.Duration {
	if p.away.Load() {
		return pgAwayPatience
	}
	return pgPatience
}

func (p *presence) missed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(pgPatience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.timer == timer {
			p.away.Store(true)
		}
	})
	p.timer = timer
	p.missing.Store(true)
}

// met notes that the server has answered.
func (p *presence) met() {
	if !p.missing.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.missing.Store(false)
	p.away.Store(false)
}

// trip sends the statements together and reads their answers. apart says that they stand for themselves, so that one
// that fails leaves the others alone; otherwise they are part of one transaction. The error is the first statement's that
// failed, or the connection's.
func (e *pgEngine) trip(ctx context.Context, conn *pgconn.PgConn, all []*pgStatement, apart bool) error {
	prepared := make([]*pgconn.StatementDescription, len(all))
	for i, st := range all {
		if e.opts.Trace != nil && st.args != nil {
			e.opts.Trace(st.query, st.args)
		}
		if !e.prepared {
			continue
		}
		var err error
		if prepared[i], err = prepare(ctx, conn, st.query); err != nil {
			st.err = err
			return err // of a read, it is a mistake of ours, which its neighbours share
		}
	}
	p := conn.StartPipeline(ctx)
	binary := []int16{1}
	for i, st := range all {
		st.sent = true
		if st.query == commitTx && i > 0 {
			p.SendFlushRequest() // so that it is seen what is waited for: the server keeps answers back until it is told to send them
		}
		if prepared[i] != nil {
			p.SendQueryStatement(prepared[i], st.params, st.formats, binary)
		} else {
			p.SendQueryParams(st.query, st.params, nil, st.formats, binary)
		}
		if apart {
			p.SendPipelineSync()
		}
	}
	if !apart {
		p.SendPipelineSync()
	}
	if err := p.Flush(); err != nil {
		return errors.Join(err, p.Close())
	}
	err := readAnswers(conn, p, all, apart)
	end := p.Close() // says the same again, after an error
	if err == nil {
		err = end
		e.presence.met()
	}
	return err
}

// readAnswers reads the answers in their order, so that what the server warns of meanwhile is told of the one that is being
// read: pgWarned is left from the last, which may be a commit.
func readAnswers(conn *pgconn.PgConn, p *pgconn.Pipeline, all []*pgStatement, apart bool) (first error) {
	for _, st := range all {
		delete(conn.CustomData(), pgWarned)
		result, err := p.GetResults()
		switch rr := result.(type) {
		case *pgconn.ResultReader:
			st.read(rr)
		default:
			st.err = err
			if err == nil {
				st.err = errors.New("store: PostgreSQL gave no answer to a statement")
			}
		}
		if first == nil {
			first = st.err
		}
		var pgErr *pgconn.PgError
		if st.err != nil && (!apart || !errors.As(st.err, &pgErr)) {
			return st.err // the rest has no answers
		}
		if apart {
			if _, err := p.GetResults(); err != nil {
				return err
			}
		}
	}
	return first
}

// prepare returns the statement as it is prepared on the connection; nil: there are too many.
func prepare(ctx context.Context, conn *pgconn.PgConn, query string) (*pgconn.StatementDescription, error) {
	data := conn.CustomData()
	known, _ := data[pgStatements].(map[string]*pgconn.StatementDescription)
	if sd, ok := known[query]; ok {
		return sd, nil
	}
	if known == nil {
		known = map[string]*pgconn.StatementDescription{}
		data[pgStatements] = known
	}
	if len(known) >= maxStatements {
		return nil, nil //nolint:nilnil // as documented
	}
	sd, err := conn.Prepare(ctx, fmt.Sprintf("s%d", len(known)), query, nil)
	if err != nil {
		return nil, err
	}
	known[query] = sd
	return sd, nil
}

// drop closes a connection that has failed, or leads to a server that is of no use. If it only went silent, so may all others
// have that were made before: they are made anew.
func (e *pgEngine) drop(conn *pgconn.PgConn, err error) {
	if hungUp(err) {
		e.pool.Reset()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// hungUp tells whether the error is that of a wait that ended, not of an answer.
func hungUp(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}
