package postgres

import (
	"context"
	"errors"
	"fmt"
)

// ErrStopped is returned by Halt, Resume and Restart after Stop.
var ErrStopped = errors.New("the private Postgres has been stopped")

// Stop shuts Postgres down, by force after some seconds, and removes a temporary folder. Later
// calls do nothing and return the result of the first.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return s.stopErr
	}
	s.stopped = true
	var errs []error
	if s.process != nil {
		errs = append(errs, s.process.stop(fast))
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.remove())
	}
	s.watchdog.dismiss()
	s.end(nil)
	if err := errors.Join(errs...); err != nil {
		s.stopErr = fmt.Errorf("stop the private Postgres: %w", err)
	}
	return s.stopErr
}

// Halt shuts Postgres down at once, as a crash would, and keeps its data. Nothing listens on its
// port until Resume. Halt does nothing if Postgres is down.
func (s *Server) Halt() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrStopped
	}
	if err := s.process.stop(immediate); err != nil {
		return fmt.Errorf("halt the private Postgres: %w", err)
	}
	return nil
}

// Resume starts Postgres again after Halt, or after it ended by itself, on the same port with the
// same data, and returns when it accepts connections. Resume does nothing if Postgres is up.
func (s *Server) Resume(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrStopped
	}
	select {
	case <-s.process.exited:
	default:
		return nil
	}
	if err := s.launch(ctx); err != nil {
		return fmt.Errorf("resume the private Postgres: %w", err)
	}
	return nil
}

// Restart is Halt and Resume.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Halt(); err != nil {
		return err
	}
	return s.Resume(ctx)
}

// Done returns a channel that is closed when Postgres has ended by itself, or by Stop, but not by
// Halt or Restart.
func (s *Server) Done() <-chan struct{} { return s.ended }

// Err returns why Postgres ended by itself. It returns nil after Stop, and before Done.
func (s *Server) Err() error {
	select {
	case <-s.ended:
		return s.err
	default:
		return nil
	}
}

func (s *Server) end(err error) {
	s.endOnce.Do(func() {
		s.err = err
		close(s.ended)
	})
}
