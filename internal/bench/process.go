package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that runs as a child.
type process struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	addr    string // host and port
	metrics string // host and port of /debug/pprof; empty: none
	project project
}

// project is one with its keys.
type project struct {
	ProjectID string `json:"projectId"`
	SecretKey string `json:"secretKey"`
	PublicKey string `json:"publicKey"`
}

const readyWithin = 30 * time.Second

// start runs the command and waits for its line of JSON with its URL.
func start(cmd *exec.Cmd) (*process, error) {
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // ends when this process does, which tells the echo server
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin}
	timer := time.AfterFunc(readyWithin, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	timer.Stop()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start: %w", cmd.Args[0], err), p.stop())
	}
	var ready struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w: %s", cmd.Args[0], err, line), p.stop())
	}
	p.addr = strings.TrimPrefix(ready.URL, "http://")
	return p, nil
}

// stop ends the process gently, and after a while not so gently.
func (p *process) stop() error {
	_ = p.stdin.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(40*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() { // the echo server knows no signals
		return nil
	}
	return err
}

// build makes the server's binary.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "sliproad")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/sliproad/sliproad/cmd/sliproad")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

func startEcho() (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(exec.Command(self, echoFlag))
}

// database is a database of one server and the settings of all commands on it.
type database struct {
	binary string
	url    string
	env    []string
}

// newDatabase gives the empty database the schema.
func newDatabase(ctx context.Context, binary, url string) (*database, error) {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, err
	}
	d := &database{binary: binary, url: url}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SLIPROAD_") {
			d.env = append(d.env, v)
		}
	}
	d.env = append(
		d.env, "SLIPROAD_DATABASE_URL="+url, "SLIPROAD_MASTER_KEY="+base64.StdEncoding.EncodeToString(key[:]),
		"SLIPROAD_ADDR=127.0.0.1:0", "SLIPROAD_RATE_LIMIT=0", "SLIPROAD_PUBLIC_RATE_LIMIT=0", "SLIPROAD_LOG_LEVEL=error",
	)
	_, err := d.command(ctx, "migrate", "up")
	return d, err
}

func (d *database) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, d.binary, args...)
	cmd.Env = d.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sliproad %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

func (d *database) createProject(ctx context.Context, name string) (project, error) {
	var p project
	out, err := d.command(ctx, "project", "create", "--name", name, "--mode", "test", "--json")
	if err == nil {
		err = json.Unmarshal(out, &p)
	}
	return p, err
}

// serve starts a server on the database.
func (d *database) serve(profiled bool, env ...string) (*process, error) {
	metrics := "off"
	if profiled {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		metrics = port
	}
	cmd := exec.Command(d.binary, "serve", "--json")
	cmd.Env = append(append(append([]string{}, d.env...), "SLIPROAD_METRICS_ADDR="+metrics), env...)
	p, err := start(cmd)
	if err == nil && profiled {
		p.metrics = metrics
	}
	return p, err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// usage is what /proc tells of a process; zero where there is no /proc.
type usage struct {
	cpu             time.Duration
	rss, peak, anon int64 // bytes
}

// ticksPerSecond is what Linux shows to processes, whatever its own clock.
const ticksPerSecond = 100

func readUsage(pid int) usage {
	var u usage
	dir := "/proc/" + strconv.Itoa(pid)
	stat, _ := os.ReadFile(dir + "/stat")
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the name, which may have blanks
	if f := strings.Fields(rest); len(f) > 12 {
		user, _ := strconv.ParseInt(f[11], 10, 64)
		system, _ := strconv.ParseInt(f[12], 10, 64)
		u.cpu = time.Duration(user+system) * time.Second / ticksPerSecond
	}
	status, _ := os.ReadFile(dir + "/status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			u.rss = kib << 10
		case "VmHWM":
			u.peak = kib << 10
		case "RssAnon":
			u.anon = kib << 10
		}
	}
	return u
}

// usageOf is that of processes together.
func usageOf(targets []**process) usage {
	var sum usage
	for _, t := range targets {
		u := readUsage((*t).cmd.Process.Pid)
		sum.cpu += u.cpu
		sum.rss += u.rss
		sum.peak += u.peak
		sum.anon += u.anon
	}
	return sum
}

// forgetPeak lets VmHWM begin anew, where the kernel permits it.
func forgetPeak(pid int) {
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0)
}

// busy is how long the machine's cores have worked, for anyone, hypervisor included; zero where there is no /proc.
func busy() time.Duration {
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	var ticks int64
	for i, field := range strings.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 8 { // the name, idle, iowait; guests are within user
			continue
		}
		n, _ := strconv.ParseInt(field, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}
