// Null until each part has either worked or failed.
const part = (id) => document.getElementById(id);
const image = part("image");
const style = getComputedStyle(part("sheet"));
if (!part("copy").dataset.done || !image.complete) return null;
return {
  copy: part("copy").dataset.done === "yes",
  handler: part("handler").dataset.done === "yes",
  image: image.naturalWidth > 0,
  script: window.ran === true,
  style: style.color === "rgb(1, 2, 3)" && style.width === "77px",
};
