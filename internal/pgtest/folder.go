package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// folder holds all servers of this process, and what they have in common.
type folder struct {
	path     string
	bin      string              // of PostgreSQL
	user     *syscall.Credential // to run servers as; nil is oneself
	lifeline *os.File            // the watchdog reads its other end; nobody writes
	watchdog *exec.Cmd

	mu    sync.Mutex
	ports map[int]bool // given out, never to be given again
	next  int
}

var (
	folderMu   sync.Mutex
	theFolder  *folder
	folderGone bool
)

// script stops what runs in a folder, and removes it. A server and its children stand in their data directory, so /proc tells
// whose they are; process ids in files may be missing or long reused, and every child leads a process group of its own. SIGQUIT
// makes a server end at once, and still remove its shared memory; what a kill -9 has left of that, ipcrm removes.
const script = `
sweep() {
	n=0
	while
		pids=$(find /proc/[0-9]*/cwd -maxdepth 0 '(' -lname "$1" -o -lname "$1/*" ')' 2>/dev/null | cut -d/ -f3)
		[ -n "$pids" ]
	do
		if [ $n -eq 0 ]; then kill -QUIT $pids; kill -CONT $pids; fi 2>/dev/null
		if [ $n -gt 100 ]; then kill -KILL $pids; fi 2>/dev/null
		n=$((n + 1))
		sleep 0.03
	done
	find "$1" -name postmaster.pid 2>/dev/null | while read -r file; do
		sed -n 7p "$file" | { read -r key id && ipcrm -m "$id"; } 2>/dev/null
	done
	rm -rf "$1"
}
if [ "$1" = watch ]; then cat >/dev/null; fi
sweep "$2"
`

// openFolder makes the folder and starts its watchdog, once.
func openFolder() (*folder, error) {
	folderMu.Lock()
	defer folderMu.Unlock()
	if folderGone {
		return nil, errors.New("pgtest: a server is asked for after Stop")
	}
	if theFolder != nil {
		return theFolder, nil
	}
	f, err := newFolder(slices.Compact([]string{os.TempDir(), "/tmp", "/var/tmp"}))
	theFolder = f
	return f, err
}

// newFolder makes a folder in the first of the directories that the servers' user can reach, and starts its watchdog.
func newFolder(in []string) (*folder, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	f := &folder{bin: bin, ports: map[int]bool{}}
	if os.Geteuid() == 0 {
		if f.user, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	for _, dir := range in {
		if f.reachable(dir) {
			f.path, err = os.MkdirTemp(dir, "pgtest-")
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pgtest: no folder for temporary files: %w", err)
	}
	if f.path == "" {
		return nil, fmt.Errorf("pgtest: the servers' user can't reach %s: choose a directory for temporary files that everybody may pass into", strings.Join(in, ", "))
	}
	if err := errors.Join(f.give(f.path), f.watch()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(f.path))
	}
	return f, nil
}

func closeFolder() {
	folderMu.Lock()
	defer folderMu.Unlock()
	folderGone = true
	if theFolder == nil {
		return
	}
	_ = theFolder.close()
	theFolder = nil
}

// close lets the watchdog do its work.
func (f *folder) close() error {
	err := f.lifeline.Close()
	_ = f.watchdog.Wait() // fails where only the parent's owner may remove the folder itself
	return errors.Join(err, os.RemoveAll(f.path))
}

// unprivileged is who runs a server for root, from whom PostgreSQL refuses to be started.
func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
	}
	return nil, errors.New("pgtest: root can't run PostgreSQL, and there is no user postgres or nobody: run the tests as another user")
}

// reachable tells whether the servers' user may pass through the directory.
func (f *folder) reachable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || f.user != nil && info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// give makes the servers' user the owner of a path and what is in it.
func (f *folder) give(path string) error {
	if f.user == nil {
		return nil
	}
	return filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, int(f.user.Uid), int(f.user.Gid))
	})
}

// watch starts the watchdog. The kernel closes the lifeline when this process ends, be it by kill -9; a session of its own
// keeps the watchdog from a Ctrl-C that is meant for the test.
func (f *folder) watch() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	f.lifeline = write
	f.watchdog = f.command("sh", "-c", script, "sh", "watch", f.path)
	f.watchdog.Dir = "/"
	f.watchdog.Stdin = read
	return f.watchdog.Start()
}

// sweep stops what runs below the directory and removes it.
func (f *folder) sweep(dir string) error {
	cmd := f.command("sh", "-c", script, "sh", "sweep", dir)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("pgtest: cannot remove %s: %w\n%s", dir, err, out)
	}
	return nil
}

// dir makes a new directory in the folder.
func (f *folder) dir(name string) (string, error) {
	f.mu.Lock()
	f.next++
	path := filepath.Join(f.path, fmt.Sprintf("%d-%s", f.next, name))
	f.mu.Unlock()
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", err
	}
	return path, f.give(path)
}

// command is one to be run as the servers' user, in the folder so that the watchdog finds it, and with none of the variables
// that would lead a PostgreSQL program elsewhere.
func (f *folder) command(name string, args ...string) *exec.Cmd {
	if !strings.Contains(name, "/") && fileExists(filepath.Join(f.bin, name)) {
		name = filepath.Join(f.bin, name)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = f.path
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: f.user, Setsid: true}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+f.path, "LC_ALL=C", "TZ=UTC")
	return cmd
}

// run runs one of PostgreSQL's tools to its end; its error has what the tool has said.
func (f *folder) run(name string, args ...string) (string, error) {
	cmd := f.command(name, args...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if cmd.Process != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			cmd.Process.Kill()
		}
	})()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("pgtest: %s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// port finds a free one below the range from which the kernel takes ports for outgoing connections. From within it, one of
// these could take a killed server's port before that is started again.
func (f *folder) port() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range 1000 {
		port := 15000 + rand.IntN(17000)
		if f.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		f.ports[port] = true
		return port, l.Close()
	}
	return 0, errors.New("pgtest: no free port between 15000 and 32000 on 127.0.0.1")
}

// postgresBin is where the newest PostgreSQL's programs are: Debian's place, pg_config's, that of PATH.
var postgresBin = sync.OnceValues(func() (string, error) {
	if !fileExists("/proc/self/cwd") {
		return "", errors.New("pgtest: PostgreSQL is started on Linux only: run these tests in a container")
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	version := func(dir string) int {
		n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		if err != nil {
			return 0
		}
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(initdb))
	}
	for _, dir := range dirs {
		if fileExists(filepath.Join(dir, "initdb")) && fileExists(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errors.New("pgtest: PostgreSQL is not installed: there is no initdb and postgres in /usr/lib/postgresql/*/bin, " +
		"pg_config's folder or PATH; on Debian, apt-get install postgresql-15")
})

// Program is the path of one of PostgreSQL's programs, of the servers' own version where there is one. The error says what to
// install.
func Program(name string) (string, error) {
	bin, err := postgresBin()
	if err != nil {
		return "", err
	}
	if path := filepath.Join(bin, name); fileExists(path) {
		return path, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("pgtest: %s is not installed: it is neither in %s nor in PATH; most systems have it in postgresql-contrib, Debian in postgresql-15", name, bin)
	}
	return path, nil
}

func requirePostgres(tb testing.TB) {
	tb.Helper()
	if _, err := postgresBin(); err != nil {
		missing(tb, err)
	}
}

// missing skips the test for want of an engine, or fails it where every engine is required.
func missing(tb testing.TB, err error) {
	tb.Helper()
	if os.Getenv("SLIPROAD_REQUIRE_ENGINES") != "" {
		tb.Fatalf("%v (SLIPROAD_REQUIRE_ENGINES is set, so this is no reason to skip)", err)
	}
	tb.Skip(err)
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
