package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newMonitor makes the HTTP server of metrics.listen.
func newMonitor(n *node) *http.Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(n), newRTMFPCollector(n), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
	}))
	mux.HandleFunc("GET /healthz", n.healthz)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "Afterglow: /metrics for Prometheus, /healthz in JSON\n")
	})
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
	}
}

// health is the answer of /healthz.
type health struct {
	Status    string          `json:"status"` // "ok", or "draining" while the server goes
	Version   string          `json:"version"`
	Revision  string          `json:"revision,omitempty"`
	Uptime    float64         `json:"uptimeSeconds"`
	Listeners []healthAddress `json:"listeners"`
}

// healthAddress is where the server listens.
type healthAddress struct {
	Protocol string `json:"protocol"` // rtmp, rtmps, rtmfp or http
	Address  string `json:"address"`
}

func (n *node) healthz(w http.ResponseWriter, _ *http.Request) {
	b := currentBuild()
	h := health{Status: "ok", Version: b.Version, Revision: b.Revision, Uptime: time.Since(n.since).Seconds()}
	h.Listeners = n.addresses()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if n.draining.Load() {
		h.Status = "draining"
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(h)
}
