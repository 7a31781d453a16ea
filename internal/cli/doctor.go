package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

type doctorCommand struct {
	serveFlags `embed:""`
	Data       string `env:"SLIPROAD_DATA" placeholder:"DIR" help:"Look at the development server of this directory instead."`
}

var errNotWell = errors.New("not all is well; see the lines marked FAIL")

// doctor gathers what the checks find.
type doctor struct {
	w    *tabwriter.Writer
	fail bool
}

func (d *doctor) say(state, what, finding string) {
	d.fail = d.fail || state == "FAIL"
	_, _ = fmt.Fprintf(d.w, "%s\t%s\t%s\n", state, what, finding)
}

func (d *doctor) check(what string, err error, ok string) bool {
	if err != nil {
		d.say("FAIL", what, err.Error())
		return false
	}
	d.say("ok", what, ok)
	return true
}

func (c *doctorCommand) Run(ctx context.Context, s streams) error {
	if c.Data != "" {
		keys, err := readDevFileIfThere(c.Data)
		if err != nil {
			return err
		}
		c.MasterKey, c.DatabaseURL = keys.MasterKey, "sqlite:"+c.Data+"/"+devDatabase
	}
	set, wrong := c.understand()
	d := &doctor{w: tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)}
	c.show(d, set)
	for _, w := range wrong {
		d.say("FAIL", "settings", w)
	}
	if len(wrong) == 0 {
		d.say("ok", "settings", "all are understood")
	}
	now := time.Now()
	d.checkDatabase(ctx, set.database, now)
	if len(wrong) == 0 {
		d.checkPublicURL(ctx, set.publicURL)
	}
	if err := d.w.Flush(); err != nil {
		return err
	}
	if d.fail {
		return errNotWell
	}
	return nil
}

// show tells the effective settings; of secrets, that they are set and which.
func (c *doctorCommand) show(d *doctor, s settings) {
	keys := "not set"
	if s.ring != nil {
		keys = "set; ids " + strings.Join(s.ring.KeyIDs(), ", ") + ", the newest first"
	}
	rows := [][2]string{
		{"addr", s.addr},
		{"database", shownDatabase(s.database)},
		{"master keys", keys},
		{"public URL", or(s.publicURL, "not set: the address listened on")},
		{"trusted proxies", or(strings.Trim(fmt.Sprint(s.trusted), "[]"), "none")},
		{"country by IP", or(s.geoipFile, "built-in table")},
		{"rate per key", fmt.Sprintf("%d/s, %d at once", s.keyRate.PerSecond, s.keyRate.Burst)},
		{"rate per address", fmt.Sprintf("%d/s, %d at once", s.addressRate.PerSecond, s.addressRate.Burst)},
		{"gateway timeout", s.gatewayTimeout.String()},
		{"metrics", or(s.metricsAddr, "off")},
		{"log level", s.logLevel.String()},
		{"log requests", fmt.Sprint(s.logRequests)},
		{"commit batch", fmt.Sprint(s.commitBatch)},
		{"retention", shownRetention(s.retention)},
		{"webhooks go to", [...]string{"public addresses", "public addresses and loopback", "any address"}[s.webhookPolicy]},
	}
	for _, r := range rows {
		d.say("", r[0], r[1])
	}
}

// shownDatabase is the database's setting, without its password.
func shownDatabase(url string) string {
	if url == "" {
		return "not set"
	}
	if _, err := store.ParseURL(url); err != nil {
		return "not understood"
	}
	return store.Redact(url)
}

// maxClockLead is how far the newest row may be ahead of the clock.
const maxClockLead = 5 * time.Second

func (d *doctor) checkDatabase(ctx context.Context, url string, now time.Time) {
	if _, err := store.ParseURL(url); url == "" || err != nil {
		return // told among the settings
	}
	db, err := store.Open(ctx, url, store.Options{ReadConns: 2, MustExist: true})
	if !d.check("database", err, "opens") {
		return
	}
	defer func() { _ = db.Close() }()
	if !d.check("schema", db.CheckSchema(ctx), "is the one that this version knows") {
		return
	}
	d.check("database", db.Ping(ctx), "answers, for reading and for writing")
	d.checkServer(ctx, db)
	projects, err := db.Projects(ctx)
	if !d.check("projects", err, fmt.Sprintf("%d", len(projects))) {
		return
	}
	newest := time.Time{}
	for _, p := range projects {
		list, err := db.Sessions(ctx, p.ID, checkout.SessionFilter{}, checkout.Page{Number: 1, Size: 1}, now)
		if err != nil {
			d.check("sessions", err, "")
			return
		}
		for _, s := range list.Rows {
			if s.CreatedAt.After(newest) {
				newest = s.CreatedAt
			}
		}
	}
	if lead := newest.Sub(now); lead > maxClockLead {
		d.say("FAIL", "clock", fmt.Sprintf("is %v behind the newest session; expiry and signatures need a right clock: enable NTP", lead.Round(time.Second)))
		return
	}
	d.say("ok", "clock", "is "+now.UTC().Format(time.RFC3339)+", not behind the newest session")
}

// checkServer says what a PostgreSQL server promises; of SQLite there is nothing to ask.
func (d *doctor) checkServer(ctx context.Context, db *store.DB) {
	server, err := db.Server(ctx)
	if errors.Is(err, store.ErrNotFound) || !d.check("server", err, server.Version+", at most "+server.Connections+" connections") {
		return
	}
	switch {
	case server.Commit == "off":
		d.say("FAIL", "commits", "synchronous_commit is off: a crash loses what was acknowledged; set it to on")
	case server.Replication == "":
		d.say("warn", "replication", "is not synchronous: a failover may lose what was acknowledged; see docs/scaling.md")
	case server.Commit == "local":
		d.say("warn", "commits", "synchronous_commit is local: commits don't wait for the standbys; set it to on")
	default:
		d.say("ok", "replication", "commits wait for "+server.Replication)
	}
}

func (d *doctor) checkPublicURL(ctx context.Context, url string) {
	if url == "" {
		d.say("warn", "public URL", "is not set; gateways and payers need one that they can reach")
		return
	}
	if !strings.HasPrefix(url, "https://") {
		d.say("warn", "public URL", "is not https; live projects need it")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", http.NoBody)
	if err != nil {
		d.check("public URL", err, "")
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.say("warn", "public URL", "does not answer from here: "+err.Error())
		return
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		d.say("warn", "public URL", "answers /healthz with "+res.Status+", not 200: is it this server's?")
		return
	}
	d.say("ok", "public URL", "answers /healthz")
}
