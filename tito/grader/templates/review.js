// Keys, and a question before typed words are left behind. The pages work without.
"use strict";
const form = document.getElementById("review");
let typed = false;
if (form) {
  form.addEventListener("input", () => { typed = true; });
  form.addEventListener("submit", () => { typed = false; });
  window.addEventListener("beforeunload", (event) => { if (typed) event.preventDefault(); });
}
document.addEventListener("keydown", (event) => {
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    form.requestSubmit();
  } else if (!event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, textarea, select")) {
    const way = { n: "next", p: "prev" }[event.key];
    const link = way && document.querySelector(`a[rel=${way}]`);
    if (link) link.click();
  }
});
