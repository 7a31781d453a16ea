package cli

import (
	"io"

	"github.com/alecthomas/kong"
)

// Model is the command line as kong understands it, for the test that writes docs/settings.md of it.
func Model() (*kong.Application, error) {
	k, err := parser(&commands{}, streams{io.Discard, io.Discard}, func(int) {})
	if err != nil {
		return nil, err
	}
	return k.Model, nil
}

// Meter is the progress of a long command, on a terminal or not.
func Meter(to io.Writer, terminal bool) (show func(phase, at string, done, total int64), end func()) {
	m := newMeter(to, mebibytes)
	m.terminal = terminal
	return m.show, m.clear
}
