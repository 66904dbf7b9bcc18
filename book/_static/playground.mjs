// Where a page holds the playground: a button. Nothing else is loaded before it is pressed.
for (const place of document.querySelectorAll(".playground")) {
  const button = document.createElement("button");
  const bytes = [...place.querySelectorAll("[data-bytes]:not([data-larger])")].reduce((sum, link) => sum + Number(link.dataset.bytes), 0);
  const offer = `${place.dataset.offer}（${(bytes / 1e6).toFixed(1)} MB）`;
  const message = Object.assign(document.createElement("p"), { className: "message" });
  message.setAttribute("role", "status");
  Object.assign(button, { type: "button", className: "load", textContent: offer });
  place.querySelector("figcaption").before(button, message);

  let tries = 0;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const { open } = await import(`./playground/${place.dataset.app}.mjs${tries ? `?again=${tries}` : ""}`);
      await open(place, message, tries > 0);
      button.remove();
    } catch (error) {
      message.textContent = `没有载入成：${error.expected ? error.message : `网络或页面出了错（${error.message}）。`}`;
      Object.assign(button, { disabled: false, textContent: "再试一次" });
      button.focus();
    }
    tries++;
  });
}
