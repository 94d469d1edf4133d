package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// result is what a demo found, as --json prints it.
type result struct {
	OK             bool    `json:"ok"` // every row ended as scripted
	Provider       string  `json:"provider"`
	Seed           uint64  `json:"seed,string"`
	Speed          float64 `json:"speed"` // times faster than life
	TimeoutSeconds float64 `json:"timeout_seconds"`
	TookSeconds    float64 `json:"took_seconds"`
	Rows           []row   `json:"rows"`
	Totals         totals  `json:"totals"`
}

// totals are numbers over all rows. Times are as measured, without the demo's
// speed taken out.
type totals struct {
	Rows           int     `json:"rows"` // V2
	AsScripted     int     `json:"as_scripted"`
	Complete       int     `json:"complete"`
	Failed         int     `json:"failed"`
	Untouched      int     `json:"untouched"` // V1
	Requests       int64   `json:"upstream_requests"`
	RequestsPerRow float64 `json:"upstream_requests_per_finished_row"`
	Faults         int     `json:"upstream_faults"`
	// FirstRequest is the time from the insert to the first request about the row.
	FirstRequest spread `json:"insert_to_first_request_seconds"`
	// Commit is the time from the upstream's completion of a task to the completion
	// of its row.
	Commit spread `json:"completion_to_commit_seconds"`
}

// spread is the distribution of a time, in seconds.
type spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

func newResult(rows []row, sim *simulator.Simulator) *result {
	r := &result{Seed: sim.Seed(), Speed: speed, TimeoutSeconds: timeout.Seconds(), Rows: rows}
	r.Totals.Requests = sim.Requests().Total // all ask for status: the demo submits its tasks without a request
	var first, commit []time.Duration
	for _, row := range rows {
		r.Totals.count(row)
		if row.Type == "" {
			continue
		}
		if !row.record.AskedAt.IsZero() {
			first = append(first, row.record.AskedAt.Sub(row.CreatedAt))
		}
		if delay, ok := row.commitDelay(); ok {
			commit = append(commit, delay)
		}
	}
	r.Totals.FirstRequest, r.Totals.Commit = spreadOf(first), spreadOf(commit)
	if ended := r.Totals.Complete + r.Totals.Failed; ended > 0 {
		r.Totals.RequestsPerRow = float64(r.Totals.Requests) / float64(ended)
	}
	r.OK = len(rows) == len(script) && r.Totals.AsScripted == len(rows)
	return r
}

func (t *totals) count(r row) {
	if len(r.Differs) == 0 {
		t.AsScripted++
	}
	for _, n := range r.record.Faults {
		t.Faults += n
	}
	switch {
	case r.Type == "" && len(r.Differs) == 0:
		t.Untouched++
	case r.Status == task.Complete:
		t.Complete++
	case r.Status == task.Failed:
		t.Failed++
	}
	if r.Type != "" {
		t.Rows++
	}
}

// commitDelay is the time from the end of the task to the end of the row. ok is
// false for tasks that never end, and for refusals that show before the end.
func (r *row) commitDelay() (delay time.Duration, ok bool) {
	if r.record.FinalAt.IsZero() || r.CompletedAt.IsZero() || r.Fate == simulator.RefusedPending {
		return 0, false
	}
	since := r.record.FinalAt
	if since.Before(r.CreatedAt) { // over before its row was there
		since = r.CreatedAt
	}
	return r.CompletedAt.Sub(since), true
}

func spreadOf(times []time.Duration) spread {
	if len(times) == 0 {
		return spread{}
	}
	slices.Sort(times)
	at := func(percent int) float64 { // nearest rank
		return times[max(0, (len(times)*percent+99)/100-1)].Seconds()
	}
	return spread{at(50), at(95), at(100)}
}

func (r *result) print(out io.Writer, asJSON bool, p painter) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	fmt.Fprintln(out)
	if err := r.table(out, p); err != nil {
		return err
	}
	fmt.Fprintln(out, "FATE: what the simulator was told to play. timeout: it ended at its deadline.\nREQ: calls about the row. CLIP: clips that are complete, of all.")
	r.summary(out, p)
	return nil
}

// table has lines of at most 80 columns.
func (r *result) table(out io.Writer, p painter) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "ID\tTYPE\tSCRIPTED FATE\tBECAME\tTOOK\tREQ\tCLIP")
	for _, row := range r.Rows {
		fmt.Fprintln(w, strings.Join([]string{
			row.shortID(), row.typeName(), row.fate(), row.became(), row.took(), fmt.Sprint(row.Requests), row.clips(),
		}, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	heading, lines, _ := strings.Cut(b.String(), "\n")
	fmt.Fprintln(out, p.paint(bold, heading))
	for i, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		fmt.Fprintln(out, p.became(line, r.Rows[i]))
	}
	return nil
}

func (r *row) shortID() string { return r.ID[:6] }

func (r *row) typeName() string {
	if r.Type == "" {
		return "(none)"
	}
	return string(r.Type)
}

func (r *row) fate() string {
	switch {
	case r.Type == "":
		return "not to be touched"
	case len(r.Faults) > 0:
		return fmt.Sprintf("%s, %d faults", r.Fate, len(r.Faults))
	default:
		return string(r.Fate)
	}
}

func (r *row) became() string {
	text := string(r.Status)
	if r.ErrorCode != "" {
		text += " " + string(r.ErrorCode)
	}
	if r.Via != "" && r.Via != "poll" {
		text += ", " + r.Via
	}
	return text
}

func (r *row) took() string {
	switch {
	case r.CompletedAt.IsZero():
		return "-"
	case r.TookSeconds < 9.95:
		return fmt.Sprintf("%.1fs", r.TookSeconds)
	default:
		return fmt.Sprintf("%.0fs", r.TookSeconds)
	}
}

// clips is how many clips are complete, of how many there are.
func (r *row) clips() string {
	complete := 0
	for _, c := range r.Clips {
		if c.Status == task.Complete {
			complete++
		}
	}
	return fmt.Sprintf("%d/%d", complete, len(r.Clips))
}

func (r *result) summary(out io.Writer, p painter) {
	t := r.Totals
	fmt.Fprintf(out, "\n%-34s %8s %8s %8s\n", "", "p50", "p95", "max")
	fmt.Fprintf(out, "%-34s %s\n", "insert to first upstream call", t.FirstRequest)
	fmt.Fprintf(out, "%-34s %s  (by polling)\n", "upstream completion to commit", t.Commit)
	fmt.Fprintf(out, "%-34s %8.1f  (%d, of which %d met a fault)\n",
		"upstream calls per finished row", t.RequestsPerRow, t.Requests, t.Faults)
	fmt.Fprintln(out)
	if r.OK {
		fmt.Fprintln(out, p.paint(green, fmt.Sprintf("All %d rows ended as scripted, in %.0f s: %d complete, %d failed, %d untouched.",
			len(r.Rows), r.TookSeconds, t.Complete, t.Failed, t.Untouched)))
		fmt.Fprintf(out, "The same tasks again:\n  %s demo --provider %s --seed %d\n", os.Args[0], r.Provider, r.Seed)
		return
	}
	fmt.Fprintln(out, p.paint(red, fmt.Sprintf("%d of %d rows did not end as scripted (seed %d):", len(script)-t.AsScripted, len(script), r.Seed)))
	for _, row := range r.Rows {
		for _, difference := range row.Differs {
			fmt.Fprintf(out, "  %s %s %s: %s\n", row.shortID(), row.typeName(), row.fate(), difference)
		}
	}
}

// String returns the spread as columns.
func (s spread) String() string {
	return fmt.Sprintf("%8s %8s %8s", shortTime(s.P50), shortTime(s.P95), shortTime(s.Max))
}

func shortTime(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return fmt.Sprintf("%.2f s", seconds)
}
