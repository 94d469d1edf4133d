package doctor

import (
	"context"
	"fmt"
)

// seeLimits tells how many calls each provider permits, and who shares them.
func (d *doctor) seeLimits(ctx context.Context) {
	for _, l := range d.cfg.Limits {
		if l.Requests <= 0 {
			d.say(Good, "limit: "+l.Provider+": none", "")
			continue
		}
		what := fmt.Sprintf("limit: %s: %d calls in %s", l.Provider, l.Requests, l.Window)
		if l.Credential == "" {
			d.say(Good, what+", for each daemon by itself", "")
			continue
		}
		now, err := d.queries.DoctorShareGet(ctx, d.pool, l.Credential)
		switch {
		case err != nil:
			d.say(Warning, what, "who shares it is not known: %s", err)
		case now.Daemons == 0:
			d.say(Good, what+", for all daemons of this database with this key; none is running", "")
		case now.Daemons == 1:
			d.say(Good, what+fmt.Sprintf(", for all daemons of this database with this key; one is running, with a share of %d", now.Shares), "")
		default:
			d.say(Good, what+fmt.Sprintf(", for all daemons of this database with this key; %d are running, with shares of %d together", now.Daemons, now.Shares), "")
		}
	}
}
