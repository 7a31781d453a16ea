package worker

import "time"

// circuit keeps a node from calling an endpoint that does not take anything. It opens after a few failures in a row;
// after a pause that doubles up to a bound it lets one attempt through, and closes on its success.
type circuit struct {
	failures int
	until    time.Time
}

const (
	openAfter    = 5
	firstPause   = 5 * time.Second
	longestPause = 5 * time.Minute
)

func (c *circuit) open() bool { return c.failures >= openAfter }

// limit is how many attempts may be under way at the time given.
func (c *circuit) limit(now time.Time, closed int) int {
	switch {
	case !c.open():
		return closed
	case now.Before(c.until):
		return 0
	}
	return 1
}

func (c *circuit) record(now time.Time, ok bool) {
	if ok {
		*c = circuit{}
		return
	}
	if c.open() && now.Before(c.until) {
		return // it was under way when the circuit opened, and says nothing new
	}
	c.failures++
	if c.open() {
		c.until = now.Add(min(longestPause, firstPause<<min(c.failures-openAfter, 6)))
	}
}
