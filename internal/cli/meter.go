package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// meter shows how far a long command is: on a terminal by a bar, elsewhere by a line now and then, so that a log tells
// that it is alive. A short command shows nothing elsewhere.
type meter struct {
	to       io.Writer
	terminal bool
	unit     func(int64) string
	shown    time.Time

	phase string    // such as "copying"
	began time.Time // of the phase
	base  int64     // what was done then
}

const (
	meterWidth = 24
	meterEvery = 100 * time.Millisecond // on a terminal
	meterLines = 5 * time.Second        // elsewhere
	clearLine  = "\r\x1b[K"
)

func newMeter(to io.Writer, unit func(int64) string) *meter {
	return &meter{to: to, terminal: isTerminal(to), unit: unit, shown: time.Now()}
}

// show tells what is done of all, in the phase, whose rate counts from its first call, and at what it is now. It may be
// called as often as one likes.
func (m *meter) show(phase, at string, done, total int64) {
	now := time.Now()
	every := meterLines
	if m.terminal {
		every = meterEvery
	}
	fresh := phase != m.phase
	if fresh {
		m.phase, m.began, m.base = phase, now, done
	}
	if now.Sub(m.shown) < every && !(m.terminal && fresh) {
		return
	}
	m.shown = now
	line := m.line(done, total, now.Sub(m.began))
	if at != "" {
		line += "  " + at
	}
	if m.terminal {
		_, _ = fmt.Fprint(m.to, clearLine+line)
	} else {
		_, _ = fmt.Fprintln(m.to, line)
	}
}

func (m *meter) line(done, total int64, took time.Duration) string {
	part := 1.0
	if total > 0 {
		part = min(1, float64(done)/float64(total))
	}
	full := int(part * meterWidth)
	line := fmt.Sprintf("%s [%s%s] %3d%%  %s of %s", m.phase, strings.Repeat("#", full), strings.Repeat(".", meterWidth-full), int(100*part), m.unit(done), m.unit(total))
	rate := float64(done-m.base) / max(took.Seconds(), 0.001)
	if rate < 1 || done >= total {
		return line
	}
	left := time.Duration(float64(total-done) / rate * float64(time.Second))
	return line + fmt.Sprintf("  %s/s  %v left", m.unit(int64(rate)), left.Round(time.Second))
}

// clear removes the bar, so that what follows stands alone.
func (m *meter) clear() {
	if m.terminal {
		_, _ = fmt.Fprint(m.to, clearLine)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}
