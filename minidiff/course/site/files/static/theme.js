// Loaded before the page is drawn, so that a stored choice of theme does not flash.
try {
  const stored = localStorage.getItem("theme");
  if (stored) document.documentElement.dataset.theme = stored;
} catch {} // a browser may forbid storage to pages opened from a folder
