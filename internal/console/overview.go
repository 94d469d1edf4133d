package console

import "time"

// Overview is what the first page shows. Rows are counted in the whole database; what is
// of this daemon alone says so.
type Overview struct {
	At        time.Time  `json:"at"`
	Version   string     `json:"version"`
	Actions   bool       `json:"actions"`
	Jobs      bool       `json:"jobs"` // River UI is there
	Pending   []Pending  `json:"pending"`
	Finished  []Minute   `json:"finished"` // of the last hour, the oldest minute first
	Delay     []Delay    `json:"delay"`    // likewise, of this daemon
	Failures  []Failures `json:"failures"`
	Ignored   []Ignored  `json:"ignored"`
	Overdue   []Ignored  `json:"overdue"`
	Providers []Provider `json:"providers"`
	Durations []Duration `json:"durations"`
	Feed      Feed       `json:"feed"`
	Daemons   []string   `json:"daemons"`
	Trouble   []Trouble  `json:"trouble"`
	Effects   []Effect   `json:"effects"`
}

// Effect is what follows from the end of rows, and how it stands in the whole database.
type Effect struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Next  string `json:"next,omitzero"` // the command for what is wrong
}

// Pending is the pending rows of a type, by age.
type Pending struct {
	Type string   `json:"type"`
	Ages [6]int64 `json:"ages"` // up to 30 s, 1, 2, 5 and 10 min, and more
}

// Minute is the rows that ended in a minute.
type Minute struct {
	Complete int64 `json:"complete"`
	Failed   int64 `json:"failed"`
}

// Delay is the ends that this daemon found in a minute, and the mean delay in seconds.
type Delay struct {
	Ends int64   `json:"ends"`
	Mean float64 `json:"mean"`
}

// Failures are rows that failed with a code in the last day.
type Failures struct {
	Code     string    `json:"code"`
	Rows     int64     `json:"rows"`
	Examples []string  `json:"examples"`
	LastAt   time.Time `json:"lastAt"`
}

// Ignored is a row that waits, and why.
type Ignored struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
	Why    string `json:"why"`
}

// Provider is a provider, as this daemon sees it.
type Provider struct {
	Name    string `json:"name"`
	Limit   string `json:"limit"`
	Share   int    `json:"share"` // calls in a window that this daemon may make; of no limit 0
	Used    int    `json:"used"`
	Paused  string `json:"paused,omitzero"`  // by an operator
	Refused string `json:"refused,omitzero"` // the account is
}

// Duration is what was learnt of how long tasks take, and when they are looked at.
type Duration struct {
	Provider  string    `json:"provider"`
	Type      string    `json:"type"`
	Rows      float64   `json:"rows"`      // that were learnt from; 0: the numbers are a guess
	Quantiles []float64 `json:"quantiles"` // seconds by when 5, 10, … 95 % have ended
	Looks     []float64 `json:"looks"`     // seconds of the planned looks
}

// Feed is how this daemon hears of new rows.
type Feed struct {
	Configured string `json:"configured"`
	Mode       string `json:"mode"` // empty: another daemon is the feed
	Trouble    string `json:"trouble,omitzero"`
}

// Trouble is a part of this daemon that is not ready.
type Trouble struct {
	Part string `json:"part"`
	Why  string `json:"why"`
}
