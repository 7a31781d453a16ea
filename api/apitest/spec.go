package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sliproad/sliproad/api"
)

// documentURL names the document among the compiler's resources; nothing is fetched.
const documentURL = "https://sliproad.invalid/openapi.json"

// spec is the document, ready to check with.
type spec struct {
	paths            []*path
	schemas          map[string]*jsonschema.Schema
	routeNotFound    *response
	methodNotAllowed *response
	anyError         *response
}

type path struct {
	segments   []string
	operations map[string]operation
}

// operation is its answers by status.
type operation map[int]*response

type response struct {
	headers []headerRule
	content map[string]*jsonschema.Schema
}

type headerRule struct {
	name     string
	required bool
	integer  bool
	schema   *jsonschema.Schema
}

var loaded = sync.OnceValues(func() (*spec, error) { return load(api.OpenAPI()) })

// load compiles every schema straight from the document: kin-openapi compiles one anew for each value that it validates,
// which is too slow to sit in the way of every answer.
func load(document []byte) (*spec, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	root, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("the document is not an object")
	}
	l := &loader{root: root, compiler: jsonschema.NewCompiler()}
	schemas := object(object(root["components"])["schemas"])
	for _, schema := range schemas {
		closeObjects(schema)
	}
	l.compiler.DefaultDraft(jsonschema.Draft2020)
	l.compiler.AssertFormat()
	if err := l.compiler.AddResource(documentURL, root); err != nil {
		return nil, err
	}
	s := &spec{schemas: map[string]*jsonschema.Schema{}}
	for name := range schemas {
		s.schemas[name] = l.compile("/components/schemas/" + escape(name))
	}
	for template, item := range object(root["paths"]) {
		s.paths = append(s.paths, l.path(template, object(item)))
	}
	s.routeNotFound = l.response("/components/responses/RouteNotFound")
	s.methodNotAllowed = l.response("/components/responses/MethodNotAllowed")
	if s.routeNotFound != nil {
		s.anyError = &response{
			headers: s.routeNotFound.headers,
			content: map[string]*jsonschema.Schema{"application/json": s.schemas["ErrorEnvelope"]},
		}
	}
	return s, errors.Join(l.errs...)
}

// loader walks the document by JSON pointers, following references, and keeps what went wrong.
type loader struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	errs     []error
}

func (l *loader) path(template string, item map[string]any) *path {
	p := &path{segments: strings.Split(template, "/"), operations: map[string]operation{}}
	for method, v := range item {
		responses := object(object(v)["responses"])
		if responses == nil {
			continue
		}
		op := operation{}
		for code := range responses {
			status, err := strconv.Atoi(code)
			if err != nil {
				l.errs = append(l.errs, fmt.Errorf("%s %s: status %q", method, template, code))
				continue
			}
			op[status] = l.response("/paths/" + escape(template) + "/" + method + "/responses/" + code)
		}
		p.operations[strings.ToUpper(method)] = op
	}
	return p
}

func (l *loader) response(pointer string) *response {
	node, pointer := l.resolve(pointer)
	r := &response{content: map[string]*jsonschema.Schema{}}
	for _, name := range slices.Sorted(maps.Keys(object(node["headers"]))) {
		header, at := l.resolve(pointer + "/headers/" + escape(name))
		required, _ := header["required"].(bool)
		r.headers = append(r.headers, headerRule{
			name:     name,
			required: required,
			integer:  object(header["schema"])["type"] == "integer",
			schema:   l.compile(at + "/schema"),
		})
	}
	for media := range object(node["content"]) {
		r.content[media] = l.compile(pointer + "/content/" + escape(media) + "/schema")
	}
	return r
}

// resolve finds what a pointer points to, through references, and where that is.
func (l *loader) resolve(pointer string) (map[string]any, string) {
	for range 10 {
		var node any = l.root
		for segment := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
			node = object(node)[unescape(segment)]
		}
		found := object(node)
		if found == nil {
			break
		}
		ref, ok := found["$ref"].(string)
		if !ok {
			return found, pointer
		}
		pointer = strings.TrimPrefix(ref, "#")
	}
	l.errs = append(l.errs, fmt.Errorf("nothing at %s", pointer))
	return nil, pointer
}

func (l *loader) compile(pointer string) *jsonschema.Schema {
	schema, err := l.compiler.Compile(documentURL + "#" + pointer)
	if err != nil {
		l.errs = append(l.errs, err)
	}
	return schema
}

// closeObjects forbids members that a schema does not name. What stands under allOf only narrows another schema and has no
// say in it.
func closeObjects(node any) {
	switch n := node.(type) {
	case map[string]any:
		_, named := n["properties"]
		_, said := n["additionalProperties"]
		if named && !said {
			n["additionalProperties"] = false
		}
		for keyword, child := range n {
			if keyword == "properties" {
				for _, property := range object(child) {
					closeObjects(property)
				}
			} else if keyword != "allOf" {
				closeObjects(child)
			}
		}
	case []any:
		for _, child := range n {
			closeObjects(child)
		}
	}
}

// match finds the path of the document that an escaped request path is; nil if there is none. Literal segments are better
// than parameters, as for net/http.
func (s *spec) match(escapedPath string) *path {
	segments := strings.Split(escapedPath, "/")
	var best *path
	most := -1
	for _, p := range s.paths {
		if literals, ok := p.matches(segments); ok && literals > most {
			best, most = p, literals
		}
	}
	return best
}

func (p *path) matches(segments []string) (literals int, ok bool) {
	if len(segments) != len(p.segments) {
		return 0, false
	}
	for i, want := range p.segments {
		switch {
		case strings.HasPrefix(want, "{"):
			if segments[i] == "" {
				return 0, false
			}
		case want == segments[i]:
			literals++
		default:
			return 0, false
		}
	}
	return literals, true
}

// check holds headers and body to the document. A HEAD answer has no body to check.
func (r *response) check(method string, header http.Header, body []byte) []string {
	var problems []string
	for _, rule := range r.headers {
		if err := rule.check(header); err != nil {
			problems = append(problems, fmt.Sprintf("header %s: %v", rule.name, err))
		}
	}
	if method == http.MethodHead || (len(r.content) == 0 && len(body) == 0) {
		return problems
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	schema := r.content[media]
	switch {
	case err != nil || schema == nil:
		problems = append(problems, fmt.Sprintf("undocumented Content-Type %q", header.Get("Content-Type")))
	case media == "application/json":
		if err := validate(schema, body); err != nil {
			problems = append(problems, fmt.Sprintf("body: %v\n%s", err, body))
		} else if p := requestIDProblem(header, body); p != "" {
			problems = append(problems, p)
		}
	}
	return problems
}

func (h headerRule) check(header http.Header) error {
	values := header.Values(h.name)
	if len(values) == 0 {
		if h.required {
			return errors.New("missing")
		}
		return nil
	}
	if len(values) > 1 {
		return fmt.Errorf("%d of them", len(values))
	}
	var value any = values[0]
	if h.integer {
		value = json.Number(values[0])
		if _, err := strconv.ParseInt(values[0], 10, 64); err != nil {
			return fmt.Errorf("%q is not an integer", values[0])
		}
	}
	return h.schema.Validate(value)
}

// requestIDProblem holds the header to the body (contract §1): both name the same request, unless the answer is a replay.
func requestIDProblem(header http.Header, body []byte) string {
	var env api.ErrorEnvelope
	if json.Unmarshal(body, &env) != nil || env.Error.RequestID == "" || header.Get("Idempotent-Replayed") != "" {
		return ""
	}
	if got := header.Get("X-Request-Id"); got != env.Error.RequestID {
		return fmt.Sprintf("X-Request-Id is %q, error.requestId %q", got, env.Error.RequestID)
	}
	return ""
}

func validate(schema *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func isJSON(header http.Header) bool {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && media == "application/json"
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

var (
	pointerEscaper   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

func escape(segment string) string   { return pointerEscaper.Replace(segment) }
func unescape(segment string) string { return pointerUnescaper.Replace(segment) }
