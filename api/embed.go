// Package api is the public face of Sliproad's HTTP interface: the OpenAPI document, the wire structs in Go, and a small
// client.
//
// It is not the server and holds none of its rules: what a value may be is decided behind it, and what a caller may rely on
// is written in openapi.yaml.
//
// Invariant: the document is the source. Every struct here has the members of its schema, in the document's order, and no
// amount passes through a float.
package api

import (
	_ "embed"
	"slices"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the OpenAPI 3.1 document as YAML. The caller owns the copy.
func OpenAPI() []byte { return slices.Clone(openAPI) }
