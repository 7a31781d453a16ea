package cli_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/sliproad/sliproad/internal/cli"
)

//go:generate go test -run ^TestSettingsDoc$ -update

var update = flag.Bool("update", false, "write the generated files")

// setting is a flag as it is documented: once, for all commands that have it alike.
type setting struct {
	env, flag, otherwise, help string
	commands                   []string
}

func settingOf(f *kong.Flag) setting {
	s := setting{flag: "--" + f.Name, help: strings.ReplaceAll(f.Help, "|", `\|`)}
	if len(f.Envs) > 0 {
		s.env = f.Envs[0]
	}
	if f.Tag.Negatable != "" {
		s.flag = "--[no-]" + f.Name
	}
	switch {
	case f.Required:
		s.otherwise = "required"
	case f.HasDefault && f.Default != "":
		s.otherwise = "`" + f.Default + "`"
	}
	if f.Enum != "" {
		s.help += " One of: " + strings.ReplaceAll(f.Enum, ",", ", ") + "."
	}
	return s
}

func settingsDoc(t *testing.T) string {
	t.Helper()
	model, err := cli.Model()
	if err != nil {
		t.Fatal(err)
	}
	var settings []setting // by the environment too
	var commands strings.Builder
	for _, leaf := range model.Leaves(false) {
		name := strings.TrimPrefix(leaf.FullPath(), "sliproad ")
		fmt.Fprintf(&commands, "\n### `sliproad %s`\n%s\n", strings.TrimSpace(name+" "+arguments(leaf)), leaf.Help)
		header := "\n| Flag | Default | Meaning |\n|---|---|---|\n"
		for _, f := range leaf.Flags {
			s := settingOf(f)
			if s.env == "" {
				fmt.Fprintf(&commands, "%s| `%s` | %s | %s |\n", header, s.flag, s.otherwise, s.help)
				header = ""
				continue
			}
			same := func(have setting) bool {
				return have.env == s.env && have.flag == s.flag && have.otherwise == s.otherwise && have.help == s.help
			}
			at := slices.IndexFunc(settings, same)
			if at < 0 {
				at = len(settings)
				settings = append(settings, s)
			}
			settings[at].commands = append(settings[at].commands, name)
		}
	}
	var b strings.Builder
	b.WriteString(`# Settings

<!-- Generated from the command line's declaration by make generate; do not edit. -->

A flag wins over the environment. All wrong settings are told at once, with exit code 2; ` + "`sliproad doctor`" + ` shows the effective
ones.

## By flag or environment

| Environment | Flag | Default | Meaning | Commands |
|---|---|---|---|---|
`)
	for _, s := range settings {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", s.env, s.flag, s.otherwise, s.help, strings.Join(s.commands, ", "))
	}
	b.WriteString("\n## Commands\n\nThe flags that have no variable in the environment.\n" + commands.String())
	return b.String()
}

func arguments(n *kong.Node) string {
	names := make([]string, len(n.Positional))
	for i, p := range n.Positional {
		names[i] = strings.ToUpper(p.Name)
	}
	return strings.Join(names, " ")
}

// TestSettingsDoc holds docs/settings.md to the command line, or writes it with -update.
func TestSettingsDoc(t *testing.T) {
	t.Parallel()
	const path = "../../docs/settings.md"
	want := settingsDoc(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != want {
		t.Errorf("%s is not what the command line says; run: make generate (%v)", path, err)
	}
}
