package simulator

import (
	"encoding/json"
	"io"
	"net/http"
)

// The recovery of sunoapi.org makes the files of a task anew, at other addresses.
const (
	recoveryStart  = "POST /api/v1/suno/recovery"
	recoveryRecord = "GET /api/v1/suno/recovery/record-info"
)

func startRecovery(s *Simulator, r *http.Request) reply {
	var asked struct {
		TaskID   string `json:"sunoTaskId"`
		Callback string `json:"callBackUrl"`
	}
	if json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&asked) != nil || asked.Callback == "" {
		return envelope(http.StatusBadRequest, "Invalid parameters: callBackUrl is required", nil)
	}
	if _, ok := s.subject(asked.TaskID); !ok {
		return sunoapi{}.errorReply(unknownTask, "")
	}
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	if s.files.recovered == nil {
		s.files.recovered = map[string]bool{}
	}
	s.files.recovered[asked.TaskID] = false
	return envelope(http.StatusOK, "success", map[string]string{"taskId": asked.TaskID})
}

// tellRecovery says at first that the recovery runs.
func tellRecovery(s *Simulator, r *http.Request) reply {
	taskID := r.URL.Query().Get("task_id")
	t, ok := s.subject(taskID)
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	ready, asked := s.files.recovered[taskID]
	switch {
	case !ok || !asked:
		return sunoapi{}.errorReply(unknownTask, "")
	case !ready:
		s.files.recovered[taskID] = true
		return envelope(http.StatusCreated, "running", nil)
	}
	var tracks []map[string]string
	for _, item := range t.life.items {
		tracks = append(tracks, map[string]string{"id": item.ID, "audioUrl": s.cfg.mediaBase() + "anew/" + item.ID + ".mp3"})
	}
	return envelope(http.StatusOK, "success", map[string]any{"taskId": taskID, "response": map[string]any{"sunoData": tracks}})
}
