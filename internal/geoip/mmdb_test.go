package geoip_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// entry is one network of a MaxMind DB file and its record.
type entry struct {
	network string
	record  map[string]any
}

func country(code string) map[string]any {
	return map[string]any{"country": map[string]any{"iso_code": code}}
}

// mmdb writes a MaxMind DB file by https://maxmind.github.io/MaxMind-DB/, format 2.0: a tree of IPv6 with 24-bit records,
// IPv4 networks below ::/96.
func mmdb(entries []entry) []byte {
	type node [2]int // 0: nothing; n > 0: node n; n < 0: record -n-1
	nodes := []node{{}}
	var data bytes.Buffer
	for _, e := range entries {
		prefix := netip.MustParsePrefix(e.network)
		raw, bits := prefix.Addr().As16(), prefix.Bits()
		if prefix.Addr().Is4() {
			raw, bits = [16]byte{}, bits+96
			v4 := prefix.Addr().As4()
			copy(raw[12:], v4[:])
		}
		at := 0
		for i := range bits {
			bit := int(raw[i/8] >> (7 - i%8) & 1)
			switch {
			case i == bits-1:
				nodes[at][bit] = -data.Len() - 1
			case nodes[at][bit] == 0:
				nodes = append(nodes, node{})
				nodes[at][bit] = len(nodes) - 1
				fallthrough
			default:
				at = nodes[at][bit]
			}
		}
		encode(&data, e.record)
	}
	var file bytes.Buffer
	for _, n := range nodes {
		for _, r := range n {
			switch {
			case r == 0:
				r = len(nodes)
			case r < 0:
				r = -r - 1 + len(nodes) + 16
			}
			file.Write([]byte{byte(r >> 16), byte(r >> 8), byte(r)})
		}
	}
	file.Write(make([]byte, 16))
	file.Write(data.Bytes())
	file.WriteString("\xab\xcd\xefMaxMind.com")
	encode(&file, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(1767225600),
		"database_type": "Test", "description": map[string]any{"en": "test"}, "ip_version": uint16(6),
		"languages": []any{"en"}, "node_count": uint32(len(nodes)), "record_size": uint16(24),
	})
	return file.Bytes()
}

// encode writes a value of the data section; all sizes are below 29, so that one byte holds type and size.
func encode(w *bytes.Buffer, value any) {
	switch v := value.(type) {
	case map[string]any:
		w.WriteByte(7<<5 | byte(len(v)))
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			encode(w, key)
			encode(w, v[key])
		}
	case []any:
		w.Write([]byte{byte(len(v)), 11 - 7})
		for _, each := range v {
			encode(w, each)
		}
	case string:
		w.WriteByte(2<<5 | byte(len(v)))
		w.WriteString(v)
	case uint16:
		w.WriteByte(5<<5 | 2)
		w.Write(binary.BigEndian.AppendUint16(nil, v))
	case uint32:
		w.WriteByte(6<<5 | 4)
		w.Write(binary.BigEndian.AppendUint32(nil, v))
	case uint64:
		w.Write([]byte{8, 9 - 7})
		w.Write(binary.BigEndian.AppendUint64(nil, v))
	default:
		panic("not a value of a test")
	}
}

func write(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "country.mmdb")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
