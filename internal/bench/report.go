package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// machine is what the numbers depend on.
type machine struct {
	cpu   string
	cores int
	os    string
	load  string
	fsync time.Duration // median of a write of 4 KiB and fsync
	took  time.Duration
}

func describeMachine(dir string) (machine, error) {
	m := machine{cpu: "unknown CPU", cores: runtime.NumCPU(), os: runtime.GOOS + "/" + runtime.GOARCH, load: "unknown"}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			m.cpu = strings.TrimSpace(value)
			break
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.os += " " + strings.TrimSpace(string(release))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.load, _, _ = strings.Cut(string(load), " ")
	}
	var err error
	m.fsync, err = fsyncLatency(filepath.Join(dir, "fsync"))
	return m, err
}

func fsyncLatency(path string) (time.Duration, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	block := make([]byte, 4096)
	took := make([]time.Duration, 200)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	return median(took), nil
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// of is the median of one measure over the rounds.
func of[T cmp.Ordered](l *leg, measure func(sample) T) T {
	values := make([]T, 0, len(l.samples))
	for _, s := range l.samples {
		values = append(values, measure(s))
	}
	return median(values)
}

func (l *leg) rate() float64 { return of(l, func(s sample) float64 { return s.rate }) }

// spread is how far the rounds lie apart, in percent of the median.
func (l *leg) spread() float64 {
	low, high := l.samples[0].rate, l.samples[0].rate
	for _, s := range l.samples {
		low, high = min(low, s.rate), max(high, s.rate)
	}
	return 100 * (high - low) / l.rate()
}

// ratio is the median of the rounds' ratios: what else the machine did in a round, it did to both.
func ratio(l, other *leg) float64 {
	ratios := make([]float64, len(l.samples))
	for i := range ratios {
		ratios[i] = l.samples[i].rate / other.samples[i].rate
	}
	return median(ratios)
}

// report prints the machine, the table and the aims.
func report(out io.Writer, m machine, o options, legs []*leg) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. %s, %d cores, %s, %s, load before %s.\nwrite+fsync of 4 KiB: median %.2f ms. %d rounds of %g s a leg after %g s; medians; %.0f s in all.\n\n",
		time.Now().UTC().Format("2006-01-02"), m.cpu, m.cores, m.os, goVersion(), m.load, ms(m.fsync), o.rounds, o.seconds, o.warmup, m.took.Seconds())
	byID := map[string]*leg{}
	for _, l := range legs {
		byID[l.id()] = l
	}
	against := func(l *leg, name string) string {
		other := byID[name+"@"+strconv.Itoa(l.conns)]
		if other == nil || other == l {
			return "–"
		}
		return fmt.Sprintf("%.2f", ratio(l, other))
	}
	table := [][]string{{"what", "conns", "requests/s", "±%", "p50 ms", "p99 ms", "× echo", "× naive", "× pgbench", "RSS MiB", "peak", "anon", "CPU µs", "server", "load", "others"}}
	ordered := slices.Clone(legs)
	slices.SortStableFunc(ordered, func(x, y *leg) int { return cmp.Compare(x.title[:3], y.title[:3]) })
	for _, l := range ordered {
		naive, pgbench := "–", "–"
		if l.name == "create" || l.name == "known" {
			naive = against(l, "naive")
		}
		if baseline, ok := pgbenchOf[l.name]; ok {
			pgbench = against(l, baseline)
		}
		table = append(table, append([]string{
			l.title, strconv.Itoa(l.conns), fmt.Sprintf("%.0f", l.rate()), fmt.Sprintf("%.0f", l.spread()/2),
			fmt.Sprintf("%.2f", ms(of(l, func(s sample) time.Duration { return s.p50 }))),
			fmt.Sprintf("%.2f", ms(of(l, func(s sample) time.Duration { return s.p99 }))),
			against(l, "echo"), naive, pgbench,
		}, l.resources()...))
	}
	writeTable(&b, table)
	aims(&b, byID)
	_, err := io.WriteString(out, b.String())
	return err
}

// pgbenchOf says with which of pgbench's legs a leg on PostgreSQL is compared.
var pgbenchOf = map[string]string{
	"pg-create": "pgbench-create", "pg-known": "pgbench-create", "pg-nodes": "pgbench-create", "pgbench-totals": "pgbench-create",
	"pg-get": "pgbench-get",
}

// resources are the row's last columns. pgbench is the load alone: what it asks for is done by PostgreSQL.
func (l *leg) resources() []string {
	server := []string{"–", "–", "–", "–", "–"}
	if len(l.targets) > 0 {
		server = []string{
			mib(of(l, func(s sample) int64 { return s.memory.rss })), mib(of(l, func(s sample) int64 { return s.memory.peak })),
			mib(of(l, func(s sample) int64 { return s.memory.anon })),
			fmt.Sprintf("%.0f", of(l, func(s sample) float64 { return s.cost })),
			fmt.Sprintf("%.2f", of(l, func(s sample) float64 { return s.server })),
		}
	}
	return append(
		server, fmt.Sprintf("%.2f", of(l, func(s sample) float64 { return s.generator })),
		fmt.Sprintf("%.2f", of(l, func(s sample) float64 { return s.others })),
	)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mib(n int64) string {
	if n == 0 {
		return "–"
	}
	return strconv.FormatInt(n>>20, 10)
}

// writeTable writes Markdown that can also be read as it is.
func writeTable(b *strings.Builder, table [][]string) {
	width := make([]int, len(table[0]))
	for _, row := range table {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range table {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cell, pad = cell+pad, ""
			}
			b.WriteString("| " + pad + cell + " ")
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i := range row {
			dashes := strings.Repeat("-", width[i]+1)
			if i == 0 {
				b.WriteString("|" + dashes + "-")
			} else {
				b.WriteString("|" + dashes + ":")
			}
		}
		b.WriteString("|\n")
	}
}

// aims says which of the project's aims at 64 connections this run meets.
func aims(b *strings.Builder, byID map[string]*leg) {
	b.WriteByte('\n')
	for _, aim := range []struct {
		what, against string
		least         float64
	}{{"create", "echo", 0.35}, {"create", "naive", 6}, {"get", "echo", 0.6}, {"pg-create", "pgbench-create", 1}, {"pg-get", "pgbench-get", 0.5}} {
		l, other := byID[aim.what+"@64"], byID[aim.against+"@64"]
		if l == nil || other == nil {
			continue
		}
		got, met := ratio(l, other), "not met"
		if got >= aim.least {
			met = "met"
		}
		fmt.Fprintf(b, "aim: %s at 64 connections at least %g × %s: %.2f, %s\n", aim.what, aim.least, aim.against, got, met)
	}
}

// profile runs the legs that are worth a look once more, and keeps the server's CPU profile of each.
func (b *bench) profile(ctx context.Context, legs []*leg) error {
	if b.cpuprofile == "" {
		return nil
	}
	if err := os.MkdirAll(b.cpuprofile, 0o755); err != nil {
		return err
	}
	for _, l := range legs {
		if !l.profile {
			continue
		}
		work, err := l.make(ctx)
		if err != nil {
			return err
		}
		file := filepath.Join(b.cpuprofile, l.name+".pprof")
		failed := make(chan error, 1)
		go func() { failed <- fetchProfile(ctx, (*l.targets[0]).metrics, max(1, int(b.seconds)), file) }()
		w := b.window()
		_, err = work.run(ctx, window{0, w.warm + max(w.measure, time.Second)})
		if err := cmp.Or(err, <-failed); err != nil {
			return fmt.Errorf("profile of %s: %w", l.id(), err)
		}
		fmt.Fprintln(os.Stderr, "wrote", file)
	}
	return nil
}

func fetchProfile(ctx context.Context, addr string, seconds int, file string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, seconds), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", answer.Status)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, answer.Body)
	return err
}
