import './base.css';
import './panel.css';
import './runs.css';
import './tagging.css';
import './cells.css';
import './graph.css';
