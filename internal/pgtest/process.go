package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one run of a server that writes to a log file.
type process struct {
	cmd   *exec.Cmd
	log   string // path
	from  int64  // where in the log this run begins
	ended chan struct{}
}

// startProcess runs the command and appends what it says to the log.
func startProcess(cmd *exec.Cmd, log string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = file, file
	p := &process{cmd: cmd, log: log, from: info.Size(), ended: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait() // how it ended is in the log, and mostly our own doing
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// wait waits for the end of the process.
func (p *process) wait(limit time.Duration) error {
	select {
	case <-p.ended:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("pgtest: process %d has not ended in %s; its log:\n%s", p.pid(), limit, p.tail())
	}
}

// said is what this run has logged.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil || int64(len(text)) < p.from {
		return ""
	}
	return string(text[p.from:])
}

// tail is the end of the log.
func (p *process) tail() string {
	lines := strings.Split(strings.TrimSpace(p.said()), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// freeze stops a server and then its children, and returns the children. The server is stopped first, and seen to be, so that
// none is born meanwhile and nobody notices that others stand still.
func (p *process) freeze() ([]int, error) {
	if err := signal(p.pid(), syscall.SIGSTOP); err != nil {
		return nil, err
	}
	if err := until(10*time.Second, "the server to stand still", func() (bool, error) {
		state, _, ok := stat(p.pid())
		return !ok || state == "T" || state == "Z", nil
	}); err != nil {
		return nil, err
	}
	children, err := childrenOf(p.pid())
	for _, child := range children {
		err = errors.Join(err, signal(child, syscall.SIGSTOP))
	}
	return children, err
}

// thaw undoes freeze.
func (p *process) thaw() error {
	children, err := childrenOf(p.pid())
	for _, child := range children {
		err = errors.Join(err, signal(child, syscall.SIGCONT))
	}
	return errors.Join(err, signal(p.pid(), syscall.SIGCONT))
}

// kill kills a server and its children with SIGKILL and waits until they are gone, and with them their shared memory: a server
// that is started again refuses to while a child of the last one lives.
func (p *process) kill() error {
	children, err := p.freeze()
	if err != nil {
		return err
	}
	for _, pid := range append([]int{p.pid()}, children...) {
		err = errors.Join(err, signal(pid, syscall.SIGKILL))
	}
	if err := errors.Join(err, p.wait(10*time.Second)); err != nil {
		return err
	}
	return until(10*time.Second, "the server's children to be gone", func() (bool, error) {
		for _, child := range children {
			if state, _, ok := stat(child); ok && state != "Z" {
				return false, nil
			}
		}
		return true, nil
	})
}

// signal sends it; that the process is gone is no error.
func signal(pid int, s syscall.Signal) error {
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("pgtest: signal %s to process %d: %w", s, pid, err)
	}
	return nil
}

func childrenOf(parent int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, notNumber := strconv.Atoi(e.Name())
		if notNumber != nil {
			continue
		}
		if _, p, ok := stat(pid); ok && p == parent {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// stat is a process's state and parent. Everybody may read these of any process, unlike what else /proc has.
func stat(pid int) (state string, parent int, ok bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // a name may have spaces and brackets
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err == nil
}
