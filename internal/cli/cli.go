// Package cli has the commands, the settings and the wiring: the one place that knows all parts.
//
// It reads flags and the environment; nothing else does. Invariant: what is wrong in the settings is told all at once,
// with what to do, before anything starts.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// Version is the release, set by the linker; a build without it says what it was built from.
var Version string

type commands struct {
	Dev     devCommand     `cmd:"" help:"Run a development server: SQLite, a test project with keys, the sandbox gateway."`
	Serve   serveCommand   `cmd:"" help:"Run a production server, with settings from flags and the environment."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema up to date, or show where it stands."`
	Backup  backupCommand  `cmd:"" help:"Copy the SQLite database while the server runs, and check the copy."`
	Restore restoreCommand `cmd:"" help:"Put a checked backup in the place of the SQLite database, while no server runs."`
	Copy    copyCommand    `cmd:"" help:"Move a whole database to an empty one, such as from SQLite to PostgreSQL, while no server runs."`
	Project projectCommand `cmd:"" help:"Create, change and list projects."`
	Gateway gatewayCommand `cmd:"" help:"Set, list and check a project's accounts at payment gateways."`
	Key     keyCommand     `cmd:"" help:"Create, list, rotate and revoke a project's API keys."`
	Prune   pruneCommand   `cmd:"" help:"Remove sessions, orders and events that ended long ago; safe to stop, and beside a running server."`
	Listen  listenCommand  `cmd:"" help:"Send a project's events, live, to a URL on this machine."`
	Trigger triggerCommand `cmd:"" help:"Make an event happen, with the sandbox gateway."`
	Doctor  doctorCommand  `cmd:"" help:"Show the effective settings, and check database, schema, clock and public URL."`
	Version versionCommand `cmd:"" help:"Show the version."`
}

// streams is where a command writes: results to out, everything else to err.
type streams struct {
	out io.Writer
	err io.Writer
}

func parser(c *commands, s streams, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("sliproad"),
		kong.Description("A self-hosted server for session-based crypto on- and off-ramp checkout.\n\nBegin with: sliproad dev"),
		kong.Writers(s.out, s.err), kong.Exit(exit), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
	)
}

// exited carries an exit code that kong asks for, out of its parser.
type exited int

// Main runs the command line and returns the exit code: 0 done, 1 failed, 2 misused.
func Main(args []string, out, errOut io.Writer) (code int) {
	s := streams{out, errOut}
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(exited)
			if !ok {
				panic(p)
			}
			code = int(e)
		}
	}()
	var c commands
	k, err := parser(&c, s, func(code int) { panic(exited(code)) })
	if err != nil {
		panic(err) // the commands are declared wrongly
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	run, err := k.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(errOut, "sliproad: %v\nSee: sliproad --help\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
	}()
	run.BindTo(ctx, (*context.Context)(nil))
	if err := run.Run(s); err != nil {
		var wrong settingsError
		if errors.As(err, &wrong) {
			_, _ = fmt.Fprintln(errOut, wrong.Error())
			return 2
		}
		_, _ = fmt.Fprintf(errOut, "sliproad: %v\n", err)
		return 1
	}
	return 0
}

type versionCommand struct{}

func (versionCommand) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "sliproad "+version())
	return err
}

func version() string {
	if Version != "" {
		return Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "development build"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			text += " " + setting.Value
		}
	}
	return text + " " + info.GoVersion
}
