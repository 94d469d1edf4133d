package task

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestScheduleSpacesLooksByAge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		schedule Schedule
		age      time.Duration
		want     time.Duration
	}{
		{nil, 0, defaultEvery},
		{nil, time.Hour, defaultEvery},
		{audioSchedule, 0, 5 * time.Second},
		{audioSchedule, 5 * time.Second, 10 * time.Second},
		{audioSchedule, 15 * time.Second, 15 * time.Second},
		{audioSchedule, 3*time.Minute - 1, 15 * time.Second},
		{audioSchedule, 3 * time.Minute, 30 * time.Second},
		{audioSchedule, 24 * time.Hour, 30 * time.Second},
		{lyricsSchedule, 0, 4 * time.Second},
		{lyricsSchedule, 20 * time.Second, 10 * time.Second},
		{lyricsSchedule, time.Hour, 30 * time.Second},
	} {
		every, until := c.schedule.At(c.age)
		require.Equal(t, c.want, every)
		require.Greater(t, until, c.age)
	}
}

// A lyric is there after 5 to 10 s, a song's last clip after 100 to 170 s.
func TestScheduleLooksOftenEnoughAndNotMore(t *testing.T) {
	t.Parallel()
	looks := func(s Schedule, until time.Duration) (n int) {
		for age := time.Duration(0); age < until; {
			every, _ := s.At(age)
			age += every
			n++
		}
		return n
	}
	require.LessOrEqual(t, looks(lyricsSchedule, 10*time.Second), 4)
	require.LessOrEqual(t, looks(audioSchedule, 170*time.Second), 14)
	require.LessOrEqual(t, looks(audioSchedule, DefaultTimeout), 30)
}

func TestNextLook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age        time.Duration
		interval   time.Duration
		retryAfter time.Duration
		want       time.Duration // age at the next look
	}{
		"a new row":                           {age: 0, want: 5 * time.Second},
		"an old row":                          {age: 5 * time.Minute, want: 5*time.Minute + 30*time.Second},
		"a fixed interval":                    {age: 5 * time.Minute, interval: 7 * time.Second, want: 5*time.Minute + 7*time.Second},
		"RetryAfter is obeyed":                {age: 10 * time.Second, retryAfter: 90 * time.Second, want: 100 * time.Second},
		"over a fixed interval too":           {age: 10 * time.Second, interval: time.Second, retryAfter: 90 * time.Second, want: 100 * time.Second},
		"a short RetryAfter is no hurry":      {age: 10 * time.Second, retryAfter: time.Second, want: 20 * time.Second},
		"a negative one is none":              {age: 10 * time.Second, retryAfter: -time.Hour, want: 20 * time.Second},
		"never past the deadline":             {age: 9*time.Minute + 50*time.Second, want: 10*time.Minute + deadlineMargin},
		"not even by RetryAfter":              {age: time.Minute, retryAfter: time.Hour, want: 10*time.Minute + deadlineMargin},
		"nor by a fixed interval":             {age: time.Minute, interval: time.Hour, want: 10*time.Minute + deadlineMargin},
		"created_at in the future is age 0":   {age: -5 * time.Minute, want: -5*time.Minute + 5*time.Second},
		"the last moment before the deadline": {age: 10*time.Minute - 1, want: 10*time.Minute + deadlineMargin},
	} {
		w := newWorld(Generate, rows("t-generate-0")...).at(c.age)
		w.policy.PollInterval = c.interval
		d := w.look(t, refused(Failure{Verdict: Transient, RetryAfter: c.retryAfter}))
		require.Equal(t, born.Add(c.want), d.Next, name)
		if c.retryAfter == 0 {
			require.Equal(t, born.Add(c.want), w.look(t, saw(Processing)).Next, name)
		}
	}
}
