package jobs

import "time"

// retryPolicy spaces the attempts of jobs whose pass could not be made: 1 s, 2
// s, 4 s, … 30 s.
type retryPolicy struct{ now func() time.Time }

// NextRetry implements river.ClientRetryPolicy.
func (p *retryPolicy) NextRetry(job *jobRow) time.Time {
	wait := 30 * time.Second
	if n := len(job.Errors); n < 5 {
		wait = time.Second << n
	}
	return p.now().Add(wait)
}
