package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// object is a decoded JSON object: its members, raw. Its getters note a member of the wrong type as a problem and
// return it as absent; null is absent. Numbers stay text, so that no amount goes through a float.
type object struct {
	members []member
	prefix  string // of field names in problems, such as "fieldLocks."
}

type member struct {
	name  string
	value jsontext.Value
}

// parseObject reads one JSON object and nothing behind it. Names may not repeat, at any depth, since readers of a body
// that differ on which one counts can be played against each other.
func parseObject(body []byte) (object, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	if kind := dec.PeekKind(); kind != '{' {
		if kind == 0 && len(bytes.TrimSpace(body)) > 0 {
			_, err := dec.ReadToken()
			return object{}, malformed(err)
		}
		return object{}, checkout.FailField(checkout.CodeValidation, "body", "must be a JSON object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return object{}, malformed(err)
	}
	var o object
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return object{}, malformed(err)
		}
		text := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return object{}, malformed(err)
		}
		end := dec.InputOffset() // the decoder reuses what it returns; the body stays
		o.members = append(o.members, member{text, body[end-int64(len(value)) : end : end]})
	}
	if _, err := dec.ReadToken(); err != nil {
		return object{}, malformed(err)
	}
	if rest := bytes.TrimSpace(body[dec.InputOffset():]); len(rest) > 0 {
		return object{}, checkout.FailField(checkout.CodeValidation, "body", "must be one JSON object, with nothing behind it")
	}
	return o, nil
}

func malformed(err error) error {
	field := "body"
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		if path := strings.ReplaceAll(strings.TrimPrefix(string(syntax.JSONPointer), "/"), "/", "."); path != "" {
			field = path
		}
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return checkout.FailField(checkout.CodeValidation, field, "stands in its object twice")
	}
	return checkout.FailField(checkout.CodeValidation, field, "is not valid JSON").Because(err)
}

func (o object) get(name string) jsontext.Value {
	for _, m := range o.members {
		if m.name == name {
			if m.value.Kind() == 'n' {
				return nil
			}
			return m.value
		}
	}
	return nil
}

func (o object) text(p *checkout.Problems, name string) *string {
	value := o.get(name)
	if value == nil {
		return nil
	}
	if value.Kind() != '"' {
		p.Add(o.prefix+name, "must be a string")
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		p.Add(o.prefix+name, "must be a string of valid UTF-8")
		return nil
	}
	s := string(text)
	return &s
}

func (o object) amount(p *checkout.Problems, name string) money.Amount {
	value := o.get(name)
	if value == nil {
		return money.Amount{}
	}
	amount, err := money.ParseJSON(value)
	p.AddError(o.prefix+name, err)
	return amount
}

func (o object) integer(p *checkout.Problems, name string) *int64 {
	value := o.get(name)
	if value == nil {
		return nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		p.Add(o.prefix+name, "must be an integer")
		return nil
	}
	return &n
}

func (o object) boolean(p *checkout.Problems, name string) *bool {
	value := o.get(name)
	if value == nil {
		return nil
	}
	if kind := value.Kind(); kind != 't' && kind != 'f' {
		p.Add(o.prefix+name, "must be true or false")
		return nil
	}
	yes := value.Kind() == 't'
	return &yes
}

// inner is the object that is the member's value.
func (o object) inner(p *checkout.Problems, name string) (object, bool) {
	value := o.get(name)
	if value == nil {
		return object{}, false
	}
	if value.Kind() != '{' {
		p.Add(o.prefix+name, "must be an object")
		return object{}, false
	}
	in, err := parseObject(value)
	if err != nil {
		p.Add(o.prefix+name, "must be an object")
		return object{}, false
	}
	in.prefix = o.prefix + name + "."
	return in, true
}

// metadata returns the member's compact JSON, held to the limits of contract §2.1.
func (o object) metadata(p *checkout.Problems) []byte {
	const name = "metadata"
	in, ok := o.inner(p, name)
	if !ok {
		return nil
	}
	compact := o.get(name).Clone()
	if err := compact.Compact(); err != nil {
		p.Add(name, "must be an object")
		return nil
	}
	switch {
	case len(in.members) > checkout.MaxMetadataMembers:
		p.Add(name, "must have at most 20 members")
	case len(compact) > checkout.MaxMetadataBytes:
		p.Add(name, "must have at most 4096 bytes as compact JSON")
	case levels(compact) > checkout.MaxMetadataLevels:
		p.Add(name, "must have at most 2 levels: itself, and objects or arrays of plain values in it")
	case hasNUL(compact):
		p.Add(name, "must not contain a NUL character")
	}
	return compact
}

// hasNUL tells whether a string in valid JSON has the character 0, which databases' texts can't hold.
func hasNUL(raw []byte) bool {
	for i := 0; i+5 < len(raw); i++ {
		if raw[i] == '\\' {
			if bytes.HasPrefix(raw[i:], []byte(`\u0000`)) {
				return true
			}
			i++ // what is escaped begins no escape
		}
	}
	return false
}

// levels is how deep objects and arrays nest in valid JSON.
func levels(raw []byte) int {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// maxLocksNamed bounds the members of fieldLocks that an answer names.
const maxLocksNamed = 20

// fieldLocks returns the member's locks; what they mean is the domain's.
func (o object) fieldLocks(p *checkout.Problems) []checkout.LockInput {
	locks, ok := o.inner(p, "fieldLocks")
	if !ok {
		return nil
	}
	var inputs []checkout.LockInput
	for i, m := range locks.members {
		if i == maxLocksNamed {
			p.Add("fieldLocks", "has more members than there are lockable ones")
			break
		}
		lockable, known := checkout.ParseLockable(m.name)
		if !known {
			p.Add("fieldLocks."+m.name, "is not lockable; these are: destinationAddress, network, destinationCurrency, sourceAmount, sourceCurrency")
			continue
		}
		if m.value.Kind() == 'n' {
			p.Add("fieldLocks."+m.name, "must be an object")
			continue
		}
		lock, ok := locks.inner(p, m.name)
		if !ok {
			continue
		}
		inputs = append(inputs, checkout.LockInput{
			Member: lockable, Locked: lock.boolean(p, "locked"), Min: lock.amount(p, "min"), Max: lock.amount(p, "max"),
		})
	}
	return inputs
}

// texts is a member that is an array of strings.
func (o object) texts(p *checkout.Problems, name string) *[]string {
	value := o.get(name)
	if value == nil {
		return nil
	}
	var list []string
	if value.Kind() != '[' || json.Unmarshal(value, &list) != nil {
		p.Add(o.prefix+name, "must be an array of strings")
		return nil
	}
	return &list
}
