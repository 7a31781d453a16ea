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
