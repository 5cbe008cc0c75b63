"""Several processes on one history: who asks for a request, and the process that draws for a kernel."""
