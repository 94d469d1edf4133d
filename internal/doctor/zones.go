package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// Traits are what a daemon has to know of the application's table.
type Traits struct {
	// NoZone says that created_at has no time zone: what it says depends on who reads
	// it.
	NoZone bool
	// MessageLength is how many characters error_message takes; 0: any number.
	MessageLength int
}

// ReadTraits reads the traits of the table.
func ReadTraits(ctx context.Context, pool *pgxpool.Pool) (t Traits, err error) {
	created, err := queries.New().DoctorCreatedAtGet(ctx, pool)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return t, fmt.Errorf("read the type of created_at: %w", err)
	}
	tables, err := newDoctor(Config{Pool: pool}, nil).loadTables(ctx)
	if err != nil {
		return t, err
	}
	message, _ := tables["music_generations"].column("error_message")
	return Traits{NoZone: created.NoZone, MessageLength: int(message.Length)}, nil
}

// seeZone tells in which time zone the application writes created_at, if the column
// has none. Rows that have an event show it: they were created a little before.
func (d *doctor) seeZone(ctx context.Context) {
	c, err := d.queries.DoctorCreatedAtGet(ctx, d.pool)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !c.NoZone {
		return
	}
	if err != nil {
		d.trouble("created_at", err)
		return
	}
	h, err := d.queries.DoctorCreatedAtHabit(ctx, d.pool)
	if err != nil {
		d.trouble("created_at", err)
		return
	}
	offset, known := habit(h)
	zone := offsetName(offset)
	what := "created_at has no time zone"
	switch {
	case !known:
		what += fmt.Sprintf(", and the rows do not show which one its writers mean; it is read in the database's zone, %s", c.Zone)
		zone = c.Zone
	case offset == int(c.ZoneSeconds):
		d.say(Good, fmt.Sprintf("%s; its writers mean the database's zone, %s (seen on %d rows)", what, c.Zone, h.Found), "")
		return
	default:
		what += fmt.Sprintf("; its writers write %s (seen on %d rows), and it is read in the database's zone, %s", zone, h.Found, c.Zone)
	}
	d.find(Finding{
		Level: Warning, What: what,
		Next: "until it has one, a row that looks hours old counts from when tasksync first looks at it; run as the owner (with the zone that is meant)",
		SQL:  fmt.Sprintf("ALTER TABLE public.music_generations ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE '%s';", zone),
	})
}

// quarter is the least difference between two time zones, in seconds.
const quarter = 15 * 60

// habit returns the offset from UTC, in seconds, of what the application writes. It is
// known if all rows agree, as far as the time until their first event lets them.
func habit(h queries.DoctorCreatedAtHabitRow) (offset int, known bool) {
	if h.Found == 0 || h.Most-h.Least > 2*3600 {
		return 0, false
	}
	const skew = 60
	return -int(math.Floor((h.Least+skew)/quarter)) * quarter, true
}

// offsetName is the name of an offset as Postgres reads it.
func offsetName(seconds int) string {
	if seconds == 0 {
		return "UTC"
	}
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	name := fmt.Sprintf("%c%02d:%02d", sign, seconds/3600, seconds%3600/60)
	return "<" + name + ">" + map[rune]string{'+': "-", '-': "+"}[sign] + name[1:] // POSIX counts westwards
}
