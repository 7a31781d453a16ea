package sliproadtest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// process is one run of the binary.
type process struct {
	cmd    *exec.Cmd
	stdout *buffer
	ended  chan struct{} // closed once the process has ended
	err    error         // of cmd.Wait; to be read once ended is closed
}

func startProcess(binary string, env, args []string, stderr *buffer) (*process, error) {
	p := &process{cmd: exec.Command(binary, args...), stdout: newBuffer(), ended: make(chan struct{})}
	p.cmd.Env = cleanEnv(env)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// cleanEnv is the test's environment without settings of Sliproad, and the given ones.
func cleanEnv(env []string) []string {
	var clean []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "SLIPROAD_") {
			clean = append(clean, kv)
		}
	}
	return append(clean, env...)
}

// buffer is what a process wrote; it may be read while the process runs.
type buffer struct {
	mu    sync.Mutex
	text  bytes.Buffer
	line  chan struct{} // closed when there is a whole line
	lined bool
}

func newBuffer() *buffer { return &buffer{line: make(chan struct{})} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.text.Write(p)
	if !b.lined && bytes.IndexByte(p, '\n') >= 0 {
		b.lined = true
		close(b.line)
	}
	return n, err
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// firstLine is the first line and what follows it.
func (b *buffer) firstLine() (line, rest string) {
	line, rest, _ = strings.Cut(b.String(), "\n")
	return line, rest
}
