// Package sliproad_test holds the repository itself to its house rules, so that a breach fails like any other bug. It reads
// source with go/parser only: it runs no command and needs no module cache, and therefore takes a second.
//
// It is not a linter: what golangci-lint can say is said in .golangci.yml. Invariant: a rule that no fixture below breaks is
// not a rule, because nothing shows that it can fail.
package sliproad_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sliproad/sliproad"

// Limits of size. Lines of a function run from `func` to its closing brace.
const (
	maxFuncLines     = 70
	maxFileLines     = 500
	maxTestFileLines = 900
	maxMethods       = 5
	maxDepth         = 7 // imports in the longest chain inside the module, test-only packages aside
)

// place says where a package stands. A package imports lower floors only, so packages on one floor don't know each other.
type place struct {
	floor int
	pure  bool // computes only: see impure
	test  bool // exists for tests; exempt from the rules on clock, environment and depth
}

var places = map[string]place{
	"internal/money":               {floor: 0, pure: true},
	"internal/asset":               {floor: 0, pure: true},
	"internal/pgtest":              {floor: 0, test: true}, // knows nothing of ours, so that every package's tests can use it
	"internal/browsertest":         {floor: 0, test: true}, // as pgtest
	"internal/checkout":            {floor: 1, pure: true},
	"internal/vault":               {floor: 1}, // keys and sealing; not pure, so that a secret may hide itself from log/slog
	"internal/gateway":             {floor: 2, pure: true},
	"internal/webhook":             {floor: 2, pure: true},
	"internal/gatewaycall":         {floor: 2}, // for gateways alone
	"internal/store":               {floor: 3},
	"internal/egress":              {floor: 3},
	"internal/geoip":               {floor: 3},
	"api":                          {floor: 3},
	"api/apitest":                  {floor: 4, test: true},
	"internal/app":                 {floor: 4},
	"internal/httpapi":             {floor: 5},
	"internal/worker":              {floor: 5},
	"internal/page":                {floor: 5},
	"internal/cli":                 {floor: 6},
	"cmd/sliproad":                 {floor: 7},
	"internal/gateway/gatewaytest": {floor: 8, test: true},
	"internal/sliproadtest":        {floor: 7, test: true},
	"internal/contract":            {floor: 8, test: true},
	"internal/delivery":            {floor: 8, test: true},
	"internal/durability":          {floor: 8, test: true},
	"internal/failover":            {floor: 8, test: true},
	"internal/journey":             {floor: 8, test: true},
	"internal/bench":               {floor: 8, test: true},
}

// anyGateway is the place of internal/gateway/NAME: a new gateway needs no row of its own.
var anyGateway = place{floor: 3}

func placeOf(dir string) (place, bool) {
	if p, ok := places[dir]; ok {
		return p, true
	}
	return anyGateway, path.Dir(dir) == "internal/gateway"
}

var (
	// impure imports and everything below them; net/url, net/netip and embed are values and therefore pure.
	impure = []string{"net/http", "database/sql", "os", "log/slog", "log"}

	stdOnly = []string{"internal/vault"} // a reader must be able to check all of the cryptography

	readsClock = []string{"internal/app", "internal/worker", "internal/cli", "cmd/sliproad"}
	readsEnv   = []string{"internal/cli"}

	// noFloats are the packages that an amount passes through; those below internal/gateway are included.
	noFloats = []string{
		"internal/money", "internal/asset", "internal/checkout", "internal/gateway", "internal/webhook",
		"internal/store", "internal/app", "internal/httpapi", "api",
	}
	vagueNames = []string{"util", "utils", "common", "helper", "helpers", "model", "models", "types"}
)

// floatsAllowed names the files in noFloats that need a float, each with the reason, for example
// "internal/httpapi/metrics.go": "Prometheus counts in floats".
var floatsAllowed = map[string]string{
	"internal/httpapi/metrics.go": "the buckets of a histogram of durations",
}

func TestRepositoryIsTidy(t *testing.T) {
	t.Parallel()
	breaches, err := tidy(".", floatsAllowed)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range breaches {
		t.Error(b)
	}
}

type source struct {
	path      string // from the root, with slashes
	dir       string
	text      []byte
	lines     int
	syntax    *ast.File
	test      bool // named _test.go
	generated bool
	script    bool // built by nobody but `go run FILE`
}

func (s *source) product() bool { return !s.test && !s.script }

type tree struct {
	fset     *token.FileSet
	sources  []*source
	breaches []string
}

// tidy reports every breach of the rules in the Go sources of the module at root as "file:line: rule: what is wrong".
func tidy(root string, floats map[string]string) ([]string, error) {
	t := &tree{fset: token.NewFileSet()}
	if err := fs.WalkDir(os.DirFS(root), ".", t.visit(root)); err != nil {
		return nil, err
	}
	t.checkPackages()
	t.checkDepth()
	t.checkInterfaces()
	t.checkFloats(floats)
	for _, s := range t.sources {
		t.checkForm(s)
		t.checkImports(s)
		t.checkSelectors(s)
	}
	slices.Sort(t.breaches)
	return slices.Compact(t.breaches), nil
}

func (t *tree) visit(root string) fs.WalkDirFunc {
	return func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." {
			base := d.Name()
			_, nested := os.Stat(filepath.Join(root, name, "go.mod"))
			if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || nested == nil {
				return fs.SkipDir
			}
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		t.sources = append(t.sources, &source{
			path: name, dir: path.Dir(name), text: text, syntax: syntax,
			lines:     bytes.Count(text, []byte("\n")),
			test:      strings.HasSuffix(name, "_test.go"),
			generated: ast.IsGenerated(syntax),
			script:    bytes.Contains(text[:syntax.Package-syntax.FileStart], []byte("//go:build ignore\n")),
		})
		return nil
	}
}

func (t *tree) breach(at token.Pos, rule, format string, args ...any) {
	p := t.fset.Position(at)
	t.breaches = append(t.breaches, fmt.Sprintf("%s:%d: %s: %s", p.Filename, p.Line, rule, fmt.Sprintf(format, args...)))
}

// checkPackages wants a known floor, a telling name and a comment for every package.
func (t *tree) checkPackages() {
	commented := map[string]bool{}
	for _, s := range t.sources {
		doc := s.syntax.Doc.Text()
		name := s.syntax.Name.Name
		if s.product() && (strings.HasPrefix(doc, "Package "+name+" ") || name == "main" && doc != "") {
			commented[s.dir] = true
		}
	}
	for _, s := range t.sources {
		at, name := s.syntax.Package, s.syntax.Name.Name
		if slices.Contains(vagueNames, name) || slices.Contains(vagueNames, path.Base(s.dir)) {
			t.breach(at, "name", "a package named %q says nothing about what is in it", name)
		}
		if !s.product() {
			continue
		}
		if _, known := placeOf(s.dir); !known {
			t.breach(at, "floor", "package %s is unknown: add it to the floor table in tidy_test.go", s.dir)
		}
		if !commented[s.dir] {
			t.breach(at, "comment", "package %s has no package comment (what it is, what not, its invariant)", s.dir)
		}
	}
}

// checkForm holds every file, tests included, to gofmt and to the limits of size.
func (t *tree) checkForm(s *source) {
	if formatted, err := format.Source(s.text); err != nil || !bytes.Equal(formatted, s.text) {
		t.breach(s.syntax.FileStart, "format", "not formatted: run make fmt")
	}
	limit := maxFileLines
	if s.test {
		limit = maxTestFileLines
	}
	if !s.generated && s.lines > limit {
		t.breach(s.syntax.FileStart, "size", "%d lines, limit %d", s.lines, limit)
	}
	if s.generated || s.test {
		return
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		name := "function literal"
		switch f := n.(type) {
		case *ast.FuncDecl:
			name = f.Name.Name
			n = &ast.BlockStmt{Lbrace: f.Type.Func, Rbrace: f.End()} // without the doc comment
		case *ast.FuncLit:
		default:
			return true
		}
		lines := t.fset.Position(n.End()-1).Line - t.fset.Position(n.Pos()).Line + 1
		if lines > maxFuncLines {
			t.breach(n.Pos(), "size", "%s has %d lines, limit %d", name, lines, maxFuncLines)
		}
		return lines <= maxFuncLines // its literals add nothing to a breach already told
	})
}

func (t *tree) checkImports(s *source) {
	from, known := placeOf(s.dir)
	if !s.product() || !known {
		return
	}
	for _, spec := range s.syntax.Imports {
		name := importPath(spec)
		if from.pure && (name == "net" || slices.ContainsFunc(impure, func(bad string) bool { return within(name, bad) })) {
			t.breach(spec.Pos(), "pure", "%s is a pure package and must not import %q", s.dir, name)
		}
		if slices.Contains(stdOnly, s.dir) && strings.Contains(name, ".") {
			t.breach(spec.Pos(), "std", "%s imports the standard library only, not %q", s.dir, name)
		}
		dir, inside := strings.CutPrefix(name, module+"/")
		if to, ok := placeOf(dir); inside && ok && to.floor >= from.floor {
			t.breach(spec.Pos(), "floor", "%s (floor %d) imports %s (floor %d): a package imports lower floors only",
				s.dir, from.floor, dir, to.floor)
		}
	}
}

// checkSelectors finds who reads the wall clock or the environment. Values of these functions count too: time.Now handed to
// another function is a clock.
func (t *tree) checkSelectors(s *source) {
	if p, _ := placeOf(s.dir); !s.product() || p.test {
		return
	}
	names := importNames(s.syntax)
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch call := names[pkg.Name] + "." + sel.Sel.Name; call {
		case "time.Now", "time.Since", "time.Until":
			if !slices.Contains(readsClock, s.dir) {
				t.breach(sel.Pos(), "clock", "%s in %s: time is an argument, or a now function that app or worker hands in", call, s.dir)
			}
		case "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv":
			if !slices.Contains(readsEnv, s.dir) {
				t.breach(sel.Pos(), "environment", "%s in %s: only %s reads the environment", call, s.dir, readsEnv[0])
			}
		}
		return true
	})
}

// checkFloats keeps amounts exact: no float type, no float literal and nothing called ...Float... where an amount passes.
func (t *tree) checkFloats(allowed map[string]string) {
	needed := map[string]bool{}
	for _, s := range t.sources {
		if p, _ := placeOf(s.dir); !s.product() || p.test ||
			!slices.ContainsFunc(noFloats, func(dir string) bool { return within(s.dir, dir) }) {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			word := ""
			switch n := n.(type) {
			case *ast.Ident:
				if n.Name == "float32" || n.Name == "float64" {
					word = n.Name
				}
			case *ast.SelectorExpr:
				if strings.Contains(n.Sel.Name, "Float") {
					word = n.Sel.Name
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					word = n.Value
				}
			}
			if word == "" {
				return true
			}
			needed[s.path] = true
			if allowed[s.path] == "" {
				t.breach(n.Pos(), "float", "%s in %s, where amounts pass: use money, or give the reason in floatsAllowed", word, s.dir)
			}
			return true
		})
	}
	for name := range allowed {
		if !needed[name] {
			t.breaches = append(t.breaches, name+":1: float: floatsAllowed names a file that has no float: remove it")
		}
	}
}

// checkInterfaces counts methods, those of embedded interfaces of the same package included; a foreign one counts as one.
func (t *tree) checkInterfaces() {
	type named struct{ dir, name string }
	declared := map[named]*ast.InterfaceType{}
	for _, s := range t.sources {
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if it, ok := spec.Type.(*ast.InterfaceType); ok {
					declared[named{s.dir, spec.Name.Name}] = it
				}
			}
			return true
		})
	}
	var count func(dir string, it *ast.InterfaceType, depth int) int
	count = func(dir string, it *ast.InterfaceType, depth int) int {
		n := 0
		for _, field := range it.Methods.List {
			switch typ := field.Type.(type) {
			case *ast.FuncType:
				n += len(field.Names)
			case *ast.SelectorExpr:
				n++
			case *ast.Ident:
				if embedded := declared[named{dir, typ.Name}]; embedded != nil && depth < maxDepth {
					n += count(dir, embedded, depth+1)
				}
			}
		}
		return n
	}
	for _, s := range t.sources {
		if !s.product() || s.generated {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if it, ok := n.(*ast.InterfaceType); ok {
				if methods := count(s.dir, it, 0); methods > maxMethods {
					t.breach(it.Pos(), "interface", "%d methods, limit %d: ask for less", methods, maxMethods)
				}
			}
			return true
		})
	}
}

// checkDepth finds the longest chain of imports inside the module. Floors rule out cycles, but a breach of them may make
// one, so the walk remembers what it is in.
func (t *tree) checkDepth() {
	imports := map[string][]string{}
	at := map[string]token.Pos{}
	for _, s := range t.sources {
		if p, _ := placeOf(s.dir); !s.product() || p.test {
			continue
		}
		at[s.dir] = s.syntax.Package
		for _, spec := range s.syntax.Imports {
			if dir, inside := strings.CutPrefix(importPath(spec), module+"/"); inside {
				imports[s.dir] = append(imports[s.dir], dir)
			}
		}
	}
	longest := map[string][]string{}
	var chain func(dir string) []string
	chain = func(dir string) []string {
		if known, ok := longest[dir]; ok {
			return known
		}
		longest[dir] = []string{dir}
		best := []string{}
		for _, next := range imports[dir] {
			if c := chain(next); len(c) > len(best) {
				best = c
			}
		}
		longest[dir] = append([]string{dir}, best...)
		return longest[dir]
	}
	for dir, pos := range at {
		if c := chain(dir); len(c)-1 > maxDepth {
			t.breach(pos, "depth", "%d imports deep, limit %d: %s", len(c)-1, maxDepth, strings.Join(c, " -> "))
		}
	}
}

func importPath(spec *ast.ImportSpec) string {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser has accepted the literal
	}
	return name
}

// importNames maps the name that a file uses for a package to the package's path.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range f.Imports {
		name := path.Base(importPath(spec))
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = importPath(spec)
	}
	return names
}

func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// TestTidyFindsBreaches breaks each rule once in a small tree and wants that breach and no other.
func TestTidyFindsBreaches(t *testing.T) {
	t.Parallel()
	const (
		money    = "// Package money counts.\npackage money\n"
		checkout = "// Package checkout is the domain.\npackage checkout\n"
		store    = "// Package store keeps.\npackage store\n"
	)
	chain := map[string]string{} // eight imports: one more than the limit; the floors can't hold it, so they are told too
	dirs := []string{"cmd/sliproad", "internal/cli", "internal/page", "internal/httpapi", "internal/app", "internal/store", "internal/webhook", "internal/checkout", "internal/money"}
	for i, dir := range dirs {
		name := path.Base(dir)
		chain[dir+"/x.go"] = "// Package " + name + " is a link.\npackage " + name + "\n"
		if i+1 < len(dirs) {
			chain[dir+"/x.go"] += "\nimport _ \"" + module + "/" + dirs[i+1] + "\"\n"
		}
	}
	tests := []struct {
		name  string
		files map[string]string
		allow map[string]string
		want  []string // one substring for each breach, in order
	}{
		{name: "clean", files: map[string]string{
			"internal/money/money.go":           money + "\nimport _ \"net/url\"\n",
			"internal/money/money_test.go":      "package money_test\n\nimport _ \"" + module + "/internal/store\"\n\nvar _ float64\n",
			"internal/store/store.go":           store + "\nimport (\n\t_ \"os\"\n\n\t_ \"" + module + "/internal/money\"\n)\n",
			"internal/store/testdata/util.go":   "package util",
			"internal/app/app.go":               "// Package app acts.\npackage app\n\nimport \"time\"\n\nvar _ = time.Now\n",
			"internal/gateway/acme/acme.go":     "// Package acme pays.\npackage acme\n",
			"internal/store/gen.go":             "//go:build ignore\n\npackage main\n\nimport \"time\"\n\nvar _ = time.Now\n",
			"internal/sliproadtest/sliproad.go": "// Package sliproadtest serves.\npackage sliproadtest\n\nimport \"os\"\n\nvar _ = os.Getenv\n",
			"tools/go.mod":                      "module tools\n",
			"tools/util/util.go":                "package util\n",
		}},
		{name: "upward import", files: map[string]string{
			"internal/checkout/a.go": checkout + "\nimport _ \"" + module + "/internal/store\"\n",
			"internal/store/a.go":    store,
		}, want: []string{"internal/checkout/a.go:4: floor: internal/checkout (floor 1) imports internal/store (floor 3)"}},
		{name: "import on the same floor", files: map[string]string{
			"internal/store/a.go": store + "\nimport _ \"" + module + "/internal/gateway/acme\"\n",
		}, want: []string{"internal/store/a.go:4: floor: "}},
		{name: "unknown package", files: map[string]string{
			"internal/attic/a.go": "// Package attic is forgotten.\npackage attic\n",
		}, want: []string{"internal/attic/a.go:2: floor: package internal/attic is unknown: add it to the floor table"}},
		{name: "import chain", files: chain, want: []string{"cmd/sliproad/x.go:2: depth: 8 imports deep", "internal/page (floor 5) imports internal/httpapi"}},
		{name: "impure", files: map[string]string{
			"internal/money/a.go": money + "\nimport (\n\t_ \"net\"\n\t_ \"os/exec\"\n)\n",
		}, want: []string{`a.go:5: pure: internal/money is a pure package and must not import "net"`, `a.go:6: pure: `}},
		{name: "vault beyond std", files: map[string]string{
			"internal/vault/a.go": "// Package vault seals.\npackage vault\n\nimport _ \"golang.org/x/crypto/sha3\"\n",
		}, want: []string{"internal/vault/a.go:4: std: "}},
		{name: "clock", files: map[string]string{
			"internal/store/a.go": store + "\nimport clock \"time\"\n\nvar now = clock.Now\n",
		}, want: []string{"internal/store/a.go:6: clock: time.Now in internal/store"}},
		{name: "environment", files: map[string]string{
			"internal/store/a.go": store + "\nimport \"os\"\n\nvar dir, _ = os.LookupEnv(\"DIR\")\n",
		}, want: []string{"internal/store/a.go:6: environment: os.LookupEnv"}},
		{name: "float", files: map[string]string{
			"internal/gateway/acme/a.go": "// Package acme pays.\npackage acme\n\nvar rate float64\n\nvar fee = 0.5\n",
		}, want: []string{"a.go:4: float: float64", "a.go:6: float: 0.5"}},
		{name: "float with a reason", files: map[string]string{
			"internal/store/a.go": store + "\nvar seconds float64\n",
		}, allow: map[string]string{"internal/store/a.go": "metrics", "internal/store/b.go": "gone"}, want: []string{"internal/store/b.go:1: float: floatsAllowed"}},
		{name: "long function", files: map[string]string{
			"internal/money/a.go": money + "\nfunc Long() {\n" + strings.Repeat("\tprintln()\n", maxFuncLines-1) + "}\n",
		}, want: []string{"internal/money/a.go:4: size: Long has 71 lines, limit 70"}},
		{name: "long files", files: map[string]string{
			"internal/money/a.go":      money + strings.Repeat("\n// x\n", maxFileLines/2),
			"internal/money/b.go":      "// Code generated by hand. DO NOT EDIT.\n\n" + money + strings.Repeat("\n// x\n", maxFileLines/2),
			"internal/money/a_test.go": "package money_test\n" + strings.Repeat("\n// x\n", maxTestFileLines/2),
		}, want: []string{"a.go:1: size: 502 lines, limit 500", "a_test.go:1: size: 901 lines, limit 900"}},
		{name: "wide interface", files: map[string]string{
			"internal/money/a.go": money + "\ntype small interface{ A(); B(); C() }\n\ntype Wide interface {\n\tsmall\n\tD()\n\tE()\n\tF()\n}\n",
		}, want: []string{"internal/money/a.go:1: format", "internal/money/a.go:6: interface: 6 methods, limit 5"}},
		{name: "vague name", files: map[string]string{
			"internal/gateway/common/a.go": "// Package common is a drawer.\npackage common\n",
		}, want: []string{`internal/gateway/common/a.go:2: name: a package named "common"`}},
		{name: "no comment", files: map[string]string{
			"internal/money/a.go": "// money!\npackage money\n",
		}, want: []string{"internal/money/a.go:2: comment: package internal/money has no package comment"}},
		{name: "not formatted", files: map[string]string{
			"internal/money/a.go":      money,
			"internal/money/a_test.go": "package money_test\nvar  x int\n",
		}, want: []string{"internal/money/a_test.go:1: format: not formatted: run make fmt"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tidy(plant(t, tt.files), tt.allow)
			if err != nil {
				t.Fatal(err)
			}
			for i := range max(len(got), len(tt.want)) {
				if i >= len(got) || i >= len(tt.want) || !strings.Contains(got[i], tt.want[i]) {
					t.Fatalf("breaches:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
				}
			}
		})
	}
}

func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
