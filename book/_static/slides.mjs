import Reveal from "./reveal/reveal.esm.js";

Reveal.initialize({ hash: true, slideNumber: "c/t", transition: "none", center: false, controls: false, width: 1280, height: 720, margin: 0.04 });
