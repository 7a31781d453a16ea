package httpapi_test

import (
	"errors"
	"fmt"
	"strings"
)

// This reads QR codes by ISO/IEC 18004, on its own, so that what a payer scans is what we were asked for. It corrects no
// errors: there must be none.

// qrVersion is what the standard says of a version's codes with error correction level M.
type qrVersion struct {
	aligned []int    // rows and columns of the alignment patterns
	ec      int      // error correction codewords of each block
	blocks  [][2]int // how many blocks of how many data codewords
}

var qrVersions = []qrVersion{
	1: {nil, 10, [][2]int{{1, 16}}}, 2: {[]int{6, 18}, 16, [][2]int{{1, 28}}}, 3: {[]int{6, 22}, 26, [][2]int{{1, 44}}},
	4: {[]int{6, 26}, 18, [][2]int{{2, 32}}}, 5: {[]int{6, 30}, 24, [][2]int{{2, 43}}}, 6: {[]int{6, 34}, 16, [][2]int{{4, 27}}},
	7: {[]int{6, 22, 38}, 18, [][2]int{{4, 31}}}, 8: {[]int{6, 24, 42}, 22, [][2]int{{2, 38}, {2, 39}}},
	9: {[]int{6, 26, 46}, 22, [][2]int{{3, 36}, {2, 37}}}, 10: {[]int{6, 28, 50}, 26, [][2]int{{4, 43}, {1, 44}}},
	11: {[]int{6, 30, 54}, 30, [][2]int{{1, 50}, {4, 51}}}, 12: {[]int{6, 32, 58}, 22, [][2]int{{6, 36}, {2, 37}}},
}

// qrCode is a code to read.
type qrCode struct {
	size    int
	modules string
	version int
	qrVersion
}

func (q qrCode) dark(x, y int) bool { return q.modules[y*q.size+x] == '1' }

func readQR(size int, modules string) (string, error) {
	q := qrCode{size: size, modules: modules, version: (size - 17) / 4}
	if q.version < 1 || q.version >= len(qrVersions) || size != 17+4*q.version || len(modules) != size*size || strings.Trim(modules, "01") != "" {
		return "", fmt.Errorf("%d modules at size %d", len(modules), size)
	}
	q.qrVersion = qrVersions[q.version]
	if err := q.checkFinders(); err != nil {
		return "", err
	}
	mask, err := q.mask()
	if err != nil {
		return "", err
	}
	data, err := q.split(q.codewords(mask))
	if err != nil {
		return "", err
	}
	return q.text(data)
}

// checkFinders wants the three corners by which a camera finds the code, and the lines between them.
func (q qrCode) checkFinders() error {
	for _, corner := range [][2]int{{0, 0}, {q.size - 7, 0}, {0, q.size - 7}} {
		for y := range 7 {
			for x := range 7 {
				ring := max(abs(x-3), abs(y-3))
				if q.dark(corner[0]+x, corner[1]+y) != (ring != 2) {
					return fmt.Errorf("no finder pattern at %v", corner)
				}
			}
		}
	}
	for i := 8; i < q.size-8; i++ {
		if q.dark(i, 6) != (i%2 == 0) || q.dark(6, i) != (i%2 == 0) {
			return fmt.Errorf("no timing pattern at %d", i)
		}
	}
	return nil
}

func abs(n int) int { return max(n, -n) }

// mask reads the format: level M, and which mask lies over the data.
func (q qrCode) mask() (int, error) {
	format := 0
	for i := range 15 {
		x, y := 8, i
		switch {
		case i == 6 || i == 7:
			y = i + 1
		case i == 8:
			x, y = 7, 8
		case i > 8:
			x, y = 14-i, 8
		}
		if q.dark(x, y) {
			format |= 1 << i
		}
	}
	format ^= 0x5412
	check := format
	for i := 14; i >= 10; i-- {
		if check>>i&1 == 1 {
			check ^= 0x537 << (i - 10)
		}
	}
	if level := format >> 13; check != 0 || level != 0 {
		return 0, fmt.Errorf("format %015b: level %d, remainder %d", format, level, check)
	}
	return format >> 10 & 7, nil
}

func qrMasked(mask, x, y int) bool {
	return []int{(x + y) % 2, y % 2, x % 3, (x + y) % 3, (x/3 + y/2) % 2, x*y%2 + x*y%3, (x*y%2 + x*y%3) % 2, ((x+y)%2 + x*y%3) % 2}[mask] == 0
}

// fixed tells of the modules that carry no data.
func (q qrCode) fixed(x, y int) bool {
	far := q.size - 8
	if x <= 8 && y <= 8 || x >= far && y <= 8 || x <= 8 && y >= far || x == 6 || y == 6 {
		return true
	}
	if q.version >= 7 && (x < 6 && y >= far-3 || y < 6 && x >= far-3) {
		return true
	}
	for _, cx := range q.aligned {
		for _, cy := range q.aligned {
			inFinder := cx <= 8 && cy <= 8 || cx >= far && cy <= 8 || cx <= 8 && cy >= far
			if !inFinder && abs(x-cx) <= 2 && abs(y-cy) <= 2 {
				return true
			}
		}
	}
	return false
}

// codewords reads the data in its order: two columns at a time from the right, up and down in turn.
func (q qrCode) codewords(mask int) (words []byte) {
	bits, word := 0, byte(0)
	up := true
	for right := q.size - 1; right > 0; right -= 2 {
		if right == 6 {
			right--
		}
		for i := range q.size {
			y := i
			if up {
				y = q.size - 1 - i
			}
			for x := right; x > right-2; x-- {
				if q.fixed(x, y) {
					continue
				}
				word <<= 1
				if q.dark(x, y) != qrMasked(mask, x, y) {
					word |= 1
				}
				if bits++; bits%8 == 0 {
					words = append(words, word)
				}
			}
		}
		up = !up
	}
	return words
}

// split puts the blocks together again, which lie interleaved, and checks the error correction of each.
func (q qrCode) split(words []byte) (data []byte, err error) {
	var blocks [][]byte
	var lengths []int
	longest := 0
	for _, group := range q.blocks {
		for range group[0] {
			blocks, lengths, longest = append(blocks, nil), append(lengths, group[1]), max(longest, group[1])
		}
	}
	for i := range longest + q.ec {
		for b := range blocks {
			if i >= lengths[b] && i < longest {
				continue
			}
			if len(words) == 0 {
				return nil, errors.New("too few codewords")
			}
			blocks[b], words = append(blocks[b], words[0]), words[1:]
		}
	}
	for b, block := range blocks {
		root := byte(1)
		for range q.ec {
			sum := byte(0)
			for _, word := range block {
				sum = times(sum, root) ^ word
			}
			if sum != 0 {
				return nil, fmt.Errorf("block %d: its error correction doesn't fit", b)
			}
			root = times(root, 2)
		}
		data = append(data, block[:lengths[b]]...)
	}
	return data, nil
}

// times multiplies in the field of 256 elements that QR codes use.
func times(a, b byte) (product byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			product ^= a
		}
		high := a >> 7
		a = a<<1 ^ high*0x1d
	}
	return product
}

const qrLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// text reads the segments.
func (q qrCode) text(data []byte) (string, error) {
	at := 0
	take := func(n int) (value int) {
		for range n {
			value <<= 1
			if at < 8*len(data) {
				value |= int(data[at/8]) >> (7 - at%8) & 1
			}
			at++
		}
		return value
	}
	wide := 0
	if q.version > 9 {
		wide = 1
	}
	var out strings.Builder
	for at < 8*len(data) {
		switch mode := take(4); mode {
		case 0:
			return out.String(), nil
		case 1:
			for n := take(10 + 2*wide); n > 0; n -= 3 {
				digits := min(n, 3)
				fmt.Fprintf(&out, "%0*d", digits, take(1+3*digits))
			}
		case 2:
			for n := take(9 + 2*wide); n > 0; n -= 2 {
				if n == 1 {
					out.WriteByte(qrLetters[take(6)%45])
					break
				}
				pair := take(11)
				out.WriteByte(qrLetters[pair/45%45])
				out.WriteByte(qrLetters[pair%45])
			}
		case 4:
			for range take(8 + 8*wide) {
				out.WriteByte(byte(take(8)))
			}
		default:
			return "", fmt.Errorf("mode %d", mode)
		}
	}
	return out.String(), nil
}
